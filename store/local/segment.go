package local

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"minke/store"
	"minke/store/local/disk"
)

const (
	logPrefix        = "log-"
	checkpointPrefix = "checkpoint-"
	tmpSuffix        = ".tmp"
	lockName         = "LOCK"
)

func fileName(prefix string, rev store.Revision) string {
	return fmt.Sprintf("%s%016x", prefix, uint64(rev))
}

// fileRevision returns the revision in a file's name, if it is one of prefix.
func fileRevision(name, prefix string) (store.Revision, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	rev, err := strconv.ParseUint(digits, 16, 63)
	return store.Revision(rev), err == nil
}

// segment is the log file that is being written.
type segment struct {
	name string
	file disk.File
	salt salt
	size int64 // all of it is durable
}

// createSegment begins the log of what comes after rev, durably.
func createSegment(fs disk.FS, rev store.Revision) (*segment, error) {
	s := &segment{name: fileName(logPrefix, rev), salt: salt(rand.Uint32()), size: headerSize}
	file, err := fs.Create(s.name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", s.name, err)
	}
	s.file = file
	if _, err := file.Write(appendHeader(nil, logMagic, header{rev, s.salt})); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", s.name, err), file.Close())
	}
	if err := file.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", s.name, err), file.Close())
	}
	if err := fs.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync directory of %s: %w", s.name, err), file.Close())
	}
	return s, nil
}

// append makes frame durable at the end of the log. When it cannot be known
// what is on disk, the store refuses all further writes: to go on after a
// failed sync would be to acknowledge what may be lost.
func (s *Store) append(frame []byte) error {
	l := s.log
	if _, err := l.file.Write(frame); err != nil {
		err = fmt.Errorf("write %s: %w", l.name, err)
		// Half a frame must not stand before the next one.
		if undo := errors.Join(l.file.Truncate(l.size), l.file.Sync()); undo != nil {
			s.fail(errors.Join(err, undo))
		}
		return err
	}
	if err := l.file.Sync(); err != nil {
		err = fmt.Errorf("sync %s: %w", l.name, err)
		s.fail(err)
		return err
	}
	l.size += int64(len(frame))
	return nil
}

// fail ends writing for good; the leader calls it.
func (s *Store) fail(err error) {
	s.failed = fmt.Errorf("the store takes no writes until it is opened again: %w", err)
	s.opts.Log.Error("write to the log: no more writes are taken", "error", err)
}

// closeFiles releases the disk.
func (s *Store) closeFiles() error {
	if s.fs == nil {
		return nil
	}
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.file.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if c, ok := s.fs.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

package local

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"minke/store"
	"minke/store/local/disk"
)

// Open opens the store in dir, making it if need be, and keeps it from other
// processes until Close.
func Open(dir string, opts Options) (*Store, error) {
	s := newStore(opts)
	s.fs = opts.FS
	if s.fs == nil {
		fs, err := disk.OS(dir)
		if err != nil {
			return nil, fmt.Errorf("open store %s: %w", dir, err)
		}
		s.fs = fs
	}
	err := s.recover()
	if err == nil {
		return s, nil
	}
	return nil, errors.Join(fmt.Errorf("open store %s: %w", dir, err), s.closeFiles())
}

// Restore makes a store in dir, which must not hold one, from what Snapshot
// wrote.
func Restore(dir string, snapshot io.Reader, opts Options) (*Store, error) {
	s := newStore(opts)
	s.fs = opts.FS
	if s.fs == nil {
		fs, err := disk.OS(dir)
		if err != nil {
			return nil, fmt.Errorf("restore store %s: %w", dir, err)
		}
		s.fs = fs
	}
	err := s.restore(snapshot)
	if err == nil {
		err = s.recover()
	}
	if err == nil {
		return s, nil
	}
	return nil, errors.Join(fmt.Errorf("restore store %s: %w", dir, err), s.closeFiles())
}

func (s *Store) restore(snapshot io.Reader) error {
	lock, err := s.fs.Lock(lockName)
	if err != nil {
		return err
	}
	s.lock = lock
	found, err := s.files()
	if err != nil {
		return err
	}
	if len(found.logs)+len(found.checkpoints) > 0 {
		return errors.New("the directory holds a store already")
	}
	st, err := readCheckpoint("snapshot", snapshot, math.MaxInt64)
	if err != nil {
		return err
	}
	return s.writeCheckpoint(st)
}

// files are the revisions of the files in the directory, ascending.
type files struct {
	checkpoints, logs []store.Revision
}

// files looks through the directory and removes unfinished checkpoints.
func (s *Store) files() (files, error) {
	names, err := s.fs.List()
	if err != nil {
		return files{}, err
	}
	var f files
	for _, name := range names {
		if rev, ok := fileRevision(name, checkpointPrefix); ok {
			f.checkpoints = append(f.checkpoints, rev)
		} else if rev, ok := fileRevision(name, logPrefix); ok {
			f.logs = append(f.logs, rev)
		} else if strings.HasPrefix(name, checkpointPrefix) && strings.HasSuffix(name, tmpSuffix) {
			if err := s.fs.Remove(name); err != nil {
				return files{}, err
			}
		}
	}
	slices.Sort(f.checkpoints)
	slices.Sort(f.logs)
	return f, nil
}

// recover reads what is on disk and makes the log ready to be written.
func (s *Store) recover() error {
	if s.lock == nil {
		lock, err := s.fs.Lock(lockName)
		if err != nil {
			return err
		}
		s.lock = lock
	}
	found, err := s.files()
	if err != nil {
		return err
	}
	if n := len(found.checkpoints); n > 0 {
		if err := s.loadCheckpoint(found.checkpoints[n-1]); err != nil {
			return err
		}
	}
	logs := found.logs
	// Logs that end before the checkpoint does were about to be removed.
	for len(logs) > 1 && logs[1] <= s.revision {
		logs = logs[1:]
	}
	for i, base := range logs {
		if base > s.revision {
			return &store.CorruptError{File: fileName(logPrefix, base), Cause: fmt.Errorf("it begins after revision %d, what is before it ends at %d", base, s.revision)}
		}
		if err := s.replay(base, i == len(logs)-1); err != nil {
			return err
		}
	}
	s.published.Store(int64(s.revision))
	if s.log == nil {
		if s.log, err = createSegment(s.fs, s.revision); err != nil {
			return err
		}
	}
	if n := len(found.checkpoints); n > 0 {
		return s.removeBefore(found.checkpoints[n-1])
	}
	return nil
}

func (s *Store) loadCheckpoint(rev store.Revision) error {
	name := fileName(checkpointPrefix, rev)
	file, err := s.fs.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	st, err := readCheckpoint(name, file, size)
	if err != nil {
		return err
	}
	if st.revision != rev {
		return &store.CorruptError{File: name, Cause: fmt.Errorf("it holds revision %d", st.revision)}
	}
	s.tree, s.revision = st.items, st.revision
	s.tree.Copy() // see tidyEach
	s.history.floor = st.revision
	s.tree.Scan(func(e *store.Entry) bool {
		s.size += int64(len(e.Key) + len(e.Value))
		return true
	})
	return nil
}

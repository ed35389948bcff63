package local

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"minke/store"
)

// blockSize is how large a checkpoint's frames grow, about.
const blockSize = 256 << 10

// state is what a checkpoint holds.
type state struct {
	revision, compacted store.Revision
	items               *tree
}

// maybeCheckpoint starts a new log and writes a checkpoint of all before it
// when the log has grown enough. The leader calls it.
func (s *Store) maybeCheckpoint() {
	if s.log == nil || s.log.size < max(s.opts.CheckpointBytes, s.size) || !s.checkpoint.CompareAndSwap(false, true) {
		return
	}
	next, err := createSegment(s.fs, s.revision)
	if err != nil {
		s.checkpoint.Store(false)
		// The old log is good; but the new one may exist and be taken for it.
		s.fail(err)
		return
	}
	if err := s.log.file.Close(); err != nil {
		s.opts.Log.Error("close log", "file", s.log.name, "error", err)
	}
	s.log = next
	s.mu.Lock()
	now := s.state()
	s.mu.Unlock()
	s.checkpoints.Go(func() {
		defer s.checkpoint.Store(false)
		if err := s.writeCheckpoint(now); err != nil {
			s.opts.Log.Error("write checkpoint: the log goes on growing", "revision", now.revision, "error", err)
		}
	})
}

// state returns the present for a checkpoint; s.mu must be held.
func (s *Store) state() state {
	if s.view == nil {
		s.view = s.tree.Copy()
	}
	return state{revision: s.revision, compacted: s.history.floor, items: s.view}
}

// writeCheckpoint makes st durable and removes what it replaces.
func (s *Store) writeCheckpoint(st state) error {
	name := fileName(checkpointPrefix, st.revision)
	file, err := s.fs.Create(name + tmpSuffix)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 64<<10)
	err = st.write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	if err := s.fs.Sync(); err != nil {
		return err
	}
	return s.removeBefore(st.revision)
}

// removeBefore removes the checkpoints and logs that hold nothing after rev
// that others do not: the checkpoint of rev is durable. Logs go oldest first,
// so that those that stay have no gap.
func (s *Store) removeBefore(rev store.Revision) error {
	names, err := s.fs.List()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		old, isCheckpoint := fileRevision(name, checkpointPrefix)
		base, isLog := fileRevision(name, logPrefix)
		if isCheckpoint && old < rev || isLog && base < rev {
			if err := s.fs.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st state) write(w io.Writer) error {
	b := appendHeader(nil, checkpointMagic, header{revision: st.revision})
	start := len(b)
	b = beginFrame(b)
	b = binary.AppendUvarint(b, uint64(st.compacted))
	b = binary.AppendUvarint(b, uint64(st.items.Len()))
	b = salt(0).endFrame(b, start)
	if _, err := w.Write(b); err != nil {
		return err
	}
	b = beginFrame(b[:0])
	var err error
	flush := func() {
		_, err = w.Write(salt(0).endFrame(b, 0))
		b = beginFrame(b[:0])
	}
	st.items.Scan(func(e *store.Entry) bool {
		b = appendEntry(b, e)
		if len(b) >= blockSize {
			flush()
		}
		return err == nil
	})
	if err == nil && len(b) > frameHeader {
		flush()
	}
	if err == nil {
		flush() // the empty one: the end
	}
	return err
}

func appendEntry(b []byte, e *store.Entry) []byte {
	b = appendBytes(b, e.Key)
	b = binary.AppendUvarint(b, uint64(e.Created))
	b = binary.AppendUvarint(b, uint64(e.Modified))
	return appendBytes(b, e.Value)
}

// Snapshot implements store.Store. Restore starts an engine from it.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	st := s.state()
	s.mu.Unlock()
	buffered := bufio.NewWriterSize(w, 64<<10)
	if err := st.write(ctxWriter{ctx, buffered}); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return buffered.Flush()
}

type ctxWriter struct {
	ctx context.Context
	io.Writer
}

func (w ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

package local

import (
	"errors"
	"fmt"
	"io"

	"minke/store"
)

// replay applies the log that begins after base to what was read so far. Of
// the last log a torn end is cut off, and the log is gone on with.
func (s *Store) replay(base store.Revision, last bool) error {
	name := fileName(logPrefix, base)
	file, err := s.fs.Open(name)
	if err != nil {
		return err
	}
	size, err := file.Size()
	var end int64
	var head header
	if err == nil {
		end, head, err = s.replayFile(newFrameReader(name, file, size), base, last)
	}
	if err == nil && last && end > 0 {
		return s.continueLog(&segment{name: name, file: file, salt: head.salt, size: end}, size > end)
	}
	return errors.Join(err, file.Close())
}

// replayFile returns where the valid frames end; 0 for a log that was begun and
// never used, so that it is made anew.
func (s *Store) replayFile(r *frameReader, base store.Revision, last bool) (end int64, head header, err error) {
	if err := r.header(logMagic); err != nil {
		if errors.Is(err, errTorn) && last && r.limit <= headerSize {
			return 0, head, nil
		}
		return 0, head, r.corrupt(err)
	}
	if r.head.revision != base {
		return 0, head, r.corrupt(fmt.Errorf("it begins after revision %d", r.head.revision))
	}
	for {
		at := r.offset
		payload, err := r.next()
		switch {
		case err == io.EOF:
			return at, r.head, nil
		case errors.Is(err, errTorn) && last:
			return at, r.head, s.checkTorn(r)
		case err != nil:
			return 0, head, r.corrupt(err)
		}
		if err := s.replayGroup(payload); err != nil {
			return 0, head, &store.CorruptError{File: r.name, Offset: at, Cause: err}
		}
	}
}

// checkTorn tells a torn end from damage: after the last frame there is none.
func (s *Store) checkTorn(r *frameReader) error {
	file, err := s.fs.Open(r.name)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.CopyN(io.Discard, file, r.offset+1); err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	rest, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	if r.head.salt.holdsFrame(rest) {
		return r.corrupt(errTorn)
	}
	return nil
}

// continueLog makes the last log ready to be appended to. What was read of it
// will be shown, so it must be durable: a process that was killed may have left
// it unsynced.
func (s *Store) continueLog(l *segment, torn bool) error {
	s.log = l
	if torn {
		s.opts.Log.Warn("cut off a torn end of the log: a write that was never acknowledged", "file", l.name, "size", l.size)
		if err := l.file.Truncate(l.size); err != nil {
			return fmt.Errorf("cut off %s: %w", l.name, err)
		}
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", l.name, err)
	}
	return nil
}

// replayGroup applies one group through the same code that made it.
func (s *Store) replayGroup(payload []byte) error {
	before, records, err := parseGroup(payload)
	if err != nil {
		return err
	}
	if before > s.revision {
		return fmt.Errorf("it follows revision %d, what is before it ends at %d", before, s.revision)
	}
	if before < s.revision {
		return s.skipGroup(before, records)
	}
	p := &s.pending
	p.begin()
	for _, r := range records {
		if r.compact != 0 {
			p.compact = max(p.compact, r.compact)
		} else {
			p.write(r.writes)
		}
	}
	s.apply(p)
	return nil
}

// skipGroup passes over a group that the checkpoint holds.
func (s *Store) skipGroup(before store.Revision, records []record) error {
	for _, r := range records {
		if r.compact == 0 {
			before++
		}
	}
	if before > s.revision {
		return fmt.Errorf("it spans the checkpoint's revision %d", s.revision)
	}
	return nil
}

// readCheckpoint reads a whole checkpoint of size bytes; nothing of it may be
// missing.
func readCheckpoint(name string, r io.Reader, size int64) (state, error) {
	c := newFrameReader(name, r, size)
	if err := c.header(checkpointMagic); err != nil {
		return state{}, c.corrupt(err)
	}
	st := state{revision: c.head.revision, items: newTree()}
	payload, err := c.next()
	if err != nil {
		return state{}, c.corrupt(err)
	}
	d := decoder{b: payload}
	st.compacted = store.Revision(d.uvarint())
	count := int(d.uvarint())
	for {
		if d.err != nil {
			return state{}, c.corrupt(d.err)
		}
		if payload, err = c.next(); err != nil {
			return state{}, c.corrupt(err)
		}
		if len(payload) == 0 {
			break
		}
		for d = (decoder{b: payload}); len(d.b) > 0; {
			st.items.Load(d.entry())
		}
	}
	if st.items.Len() != count {
		return state{}, c.corrupt(fmt.Errorf("it has %d entries and should have %d", st.items.Len(), count))
	}
	return st, nil
}

func (d *decoder) entry() *store.Entry {
	e := &store.Entry{Key: string(d.bytes())}
	e.Created = store.Revision(d.uvarint())
	e.Modified = store.Revision(d.uvarint())
	e.Value = append([]byte{}, d.bytes()...)
	return e
}

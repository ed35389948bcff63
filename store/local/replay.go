package local

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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
	done := false
	defer func() {
		if !done {
			file.Close()
		}
	}()
	data, err := io.ReadAll(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	corrupt := func(offset int, cause error) error {
		return &store.CorruptError{File: name, Offset: int64(offset), Cause: cause}
	}
	head, err := parseHeader(data, logMagic)
	if errors.Is(err, errTorn) && last && len(data) <= headerSize {
		return nil // begun and never used: it is made anew
	}
	if err != nil {
		return corrupt(0, err)
	}
	if head.revision != base {
		return corrupt(0, fmt.Errorf("it begins after revision %d", head.revision))
	}
	at := headerSize
	for at < len(data) {
		payload, err := head.salt.parseFrame(data[at:])
		if err != nil {
			if !last || head.salt.holdsFrame(data[at+1:]) {
				return corrupt(at, err)
			}
			break
		}
		if err := s.replayGroup(payload); err != nil {
			return corrupt(at, err)
		}
		at += frameHeader + len(payload)
	}
	if !last {
		return nil
	}
	done = true
	return s.continueLog(&segment{name: name, file: file, salt: head.salt, size: int64(at)}, len(data) > at)
}

// continueLog makes the last log ready to be appended to.
func (s *Store) continueLog(l *segment, torn bool) error {
	s.log = l
	if !torn {
		return nil
	}
	s.opts.Log.Warn("cut off a torn end of the log: a write that was never acknowledged", "file", l.name, "size", l.size)
	if err := errors.Join(l.file.Truncate(l.size), l.file.Sync()); err != nil {
		return fmt.Errorf("cut off %s: %w", l.name, err)
	}
	return nil
}

// replayGroup applies one group through the same code that made it.
func (s *Store) replayGroup(payload []byte) error {
	before, records, err := parseGroup(payload)
	if err != nil {
		return err
	}
	p := &s.pending
	p.begin()
	p.revision = before
	skip := before < s.revision // the checkpoint has it
	if before > s.revision {
		return fmt.Errorf("it follows revision %d, what is before it ends at %d", before, s.revision)
	}
	for _, r := range records {
		if r.compact != 0 {
			p.compact = max(p.compact, r.compact)
			continue
		}
		if p.revision++; skip {
			continue
		}
		p.revision--
		p.write(r.writes)
	}
	if skip {
		if p.revision > s.revision {
			return fmt.Errorf("it spans the checkpoint's revision %d", s.revision)
		}
		return nil
	}
	s.apply(p)
	return nil
}

// readCheckpoint reads a whole checkpoint; nothing of it may be missing.
func readCheckpoint(name string, r io.Reader) (state, error) {
	c := checkpointReader{name: name, r: bufio.NewReaderSize(r, 1<<20)}
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return state{}, c.corrupt(err)
	}
	h, err := parseHeader(head, checkpointMagic)
	if err != nil {
		return state{}, c.corrupt(err)
	}
	c.offset = headerSize
	st := state{revision: h.revision, items: newTree()}
	payload, err := c.frame()
	if err != nil {
		return state{}, err
	}
	d := decoder{b: payload}
	st.compacted = store.Revision(d.uvarint())
	count := int(d.uvarint())
	for {
		if d.err != nil {
			return state{}, c.corrupt(d.err)
		}
		if payload, err = c.frame(); err != nil {
			return state{}, err
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

type checkpointReader struct {
	name   string
	r      *bufio.Reader
	offset int64
	buffer []byte
}

func (c *checkpointReader) corrupt(cause error) error {
	return &store.CorruptError{File: c.name, Offset: c.offset, Cause: cause}
}

// frame returns the next payload, valid until the next call.
func (c *checkpointReader) frame() ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(c.r, header[:]); err != nil {
		return nil, c.corrupt(err)
	}
	size := int(binary.LittleEndian.Uint32(header[4:]))
	if size > maxFrame {
		return nil, c.corrupt(errTorn)
	}
	if cap(c.buffer) < size {
		c.buffer = make([]byte, size)
	}
	payload := c.buffer[:size]
	if _, err := io.ReadFull(c.r, payload); err != nil {
		return nil, c.corrupt(err)
	}
	sum := crc32.Update(crc32.Checksum(header[4:], castagnoli), castagnoli, payload)
	if sum != binary.LittleEndian.Uint32(header[:]) {
		return nil, c.corrupt(errTorn)
	}
	c.offset += int64(frameHeader + size)
	return payload, nil
}

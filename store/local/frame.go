package local

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"minke/store"
)

const (
	logMagic        = "minkelog"
	checkpointMagic = "minkecpt"
	layoutVersion   = 1

	headerSize  = 8 + 4 + 8 + 4 + 4
	frameHeader = 4 + 4
	// maxFrame bounds what a damaged length can make us allocate.
	maxFrame = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn tells that the bytes at hand are not a whole, valid frame or header.
var errTorn = errors.New("the checksum or length does not fit")

// salt is what the checksums of a file's frames begin with.
type salt uint32

func (s salt) sum(b []byte) uint32 { return crc32.Update(uint32(s), castagnoli, b) }

// header is the beginning of a file.
type header struct {
	revision store.Revision
	salt     salt
}

func appendHeader(b []byte, magic string, h header) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, layoutVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.revision))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.salt))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func parseHeader(b []byte, magic string) (header, error) {
	if len(b) < headerSize || crc32.Checksum(b[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return header{}, errTorn
	}
	if string(b[:8]) != magic {
		return header{}, fmt.Errorf("it begins with %q, not %q", b[:8], magic)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != layoutVersion {
		return header{}, fmt.Errorf("its layout has version %d, known is %d", v, layoutVersion)
	}
	return header{
		revision: store.Revision(binary.LittleEndian.Uint64(b[12:])),
		salt:     salt(binary.LittleEndian.Uint32(b[20:])),
	}, nil
}

// beginFrame reserves the frame's header; salt.endFrame, given b's length
// before, fills it in.
func beginFrame(b []byte) []byte { return append(b, make([]byte, frameHeader)...) }

func (s salt) endFrame(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start+4:], uint32(len(b)-start-frameHeader))
	binary.LittleEndian.PutUint32(b[start:], s.sum(b[start+4:]))
	return b
}

// parseFrame returns the payload of the frame that b begins with.
func (s salt) parseFrame(b []byte) ([]byte, error) {
	if len(b) < frameHeader {
		return nil, errTorn
	}
	size := int64(binary.LittleEndian.Uint32(b[4:]))
	if size > maxFrame || int64(len(b)) < frameHeader+size {
		return nil, errTorn
	}
	if s.sum(b[4:frameHeader+size]) != binary.LittleEndian.Uint32(b) {
		return nil, errTorn
	}
	return b[frameHeader : frameHeader+size], nil
}

// holdsFrame tells whether a whole frame begins anywhere in b. A frame that
// follows a broken one proves that the broken one had been acknowledged.
func (s salt) holdsFrame(b []byte) bool {
	for len(b) > frameHeader {
		if payload, err := s.parseFrame(b); err == nil && len(payload) > 0 {
			return true
		}
		b = b[1:]
	}
	return false
}

// decoder reads the parts of a payload. The first failure sticks.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("the frame ends within a record")

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.b = err, nil
	}
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(errShort)
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func appendBytes[T string | []byte](b []byte, p T) []byte {
	b = binary.AppendUvarint(b, uint64(len(p)))
	return append(b, p...)
}

// record is one step of a group.
type record struct {
	writes  []store.Write
	compact store.Revision // set for a compaction
}

func appendRecord(b []byte, r record) []byte {
	if r.compact != 0 {
		return binary.AppendUvarint(append(b, 'C'), uint64(r.compact))
	}
	b = binary.AppendUvarint(append(b, 'T'), uint64(len(r.writes)))
	for _, w := range r.writes {
		if w.Delete {
			b = appendBytes(append(b, 'D'), w.Key)
		} else {
			b = appendBytes(appendBytes(append(b, 'P'), w.Key), w.Value)
		}
	}
	return b
}

// parseGroup reads a group and copies what it keeps of it.
func parseGroup(payload []byte) (before store.Revision, records []record, err error) {
	d := decoder{b: payload}
	before = store.Revision(d.uvarint())
	for len(d.b) > 0 {
		var r record
		switch kind := d.byte(); kind {
		case 'C':
			r.compact = store.Revision(d.uvarint())
		case 'T':
			for n := d.uvarint(); n > 0 && d.err == nil; n-- {
				r.writes = append(r.writes, d.write())
			}
		default:
			d.fail(fmt.Errorf("a record has the unknown kind %q", kind))
		}
		records = append(records, r)
	}
	return before, records, d.err
}

func (d *decoder) write() store.Write {
	kind := d.byte()
	w := store.Write{Key: string(d.bytes()), Delete: kind == 'D'}
	switch kind {
	case 'P':
		w.Value = bytes.Clone(d.bytes())
		if w.Value == nil {
			w.Value = []byte{}
		}
	case 'D':
	default:
		d.fail(fmt.Errorf("a write has the unknown kind %q", kind))
	}
	return w
}

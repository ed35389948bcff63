package local

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"minke/store"
)

// frameReader reads a file of frames in one pass, however large it is.
type frameReader struct {
	name   string
	r      *bufio.Reader
	head   header
	offset int64 // of the next frame
	limit  int64 // the file's size: no frame can be longer
	buffer []byte
}

func newFrameReader(name string, r io.Reader, limit int64) *frameReader {
	return &frameReader{name: name, r: bufio.NewReaderSize(r, 256<<10), limit: limit}
}

// corrupt blames what is at the current offset.
func (f *frameReader) corrupt(cause error) error {
	return &store.CorruptError{File: f.name, Offset: f.offset, Cause: cause}
}

// header reads the beginning of the file; errTorn when it is too short or
// damaged.
func (f *frameReader) header(magic string) error {
	b := make([]byte, headerSize)
	if err := f.fill(b); err != nil {
		return err
	}
	head, err := parseHeader(b, magic)
	if err != nil {
		return err
	}
	f.head, f.offset = head, headerSize
	return nil
}

// next returns the next payload, valid until the call after; io.EOF at the end
// of the file, and errTorn for what is not a whole frame.
func (f *frameReader) next() ([]byte, error) {
	if f.offset == f.limit {
		return nil, io.EOF
	}
	if cap(f.buffer) < frameHeader {
		f.buffer = make([]byte, blockSize)
	}
	start := f.buffer[:frameHeader]
	if err := f.fill(start); err != nil {
		return nil, err
	}
	size := frameHeader + int64(binary.LittleEndian.Uint32(start[4:]))
	if size > f.limit-f.offset || size > maxFrame {
		return nil, errTorn
	}
	if int64(cap(f.buffer)) < size {
		f.buffer = append(make([]byte, 0, size), start...)
	}
	whole := f.buffer[:size]
	if err := f.fill(whole[frameHeader:]); err != nil {
		return nil, err
	}
	payload, err := f.head.salt.parseFrame(whole)
	if err == nil {
		f.offset += size
	}
	return payload, err
}

func (f *frameReader) fill(b []byte) error {
	_, err := io.ReadFull(f.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

package logs

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Options select what of a log is read.
type Options struct {
	// Tail is how many of the last lines; nil for all.
	Tail *int64
	// Since drops what is older.
	Since time.Time
	// Limit is how many bytes at most; nil for no limit.
	Limit      *int64
	Timestamps bool
	// Stream is stdout or stderr, or empty for both.
	Stream string
	// Follow goes on until ctx ends or Ended is closed.
	Follow bool
	Ended  <-chan struct{}
}

// errLimit ends the reading when the limit is reached.
var errLimit = errors.New("limit reached")

// Read writes the selected part of the log to w, flushing with each pause.
func (l Log) Read(ctx context.Context, o Options, w io.Writer, flush func()) error {
	out := &sink{w: w, o: o}
	if o.Limit != nil {
		out.left = *o.Limit
	}
	err := l.read(ctx, o, out, flush)
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

func (l Log) read(ctx context.Context, o Options, out *sink, flush func()) error {
	var watch *watcher
	if o.Follow {
		var err error
		if watch, err = watchDir(l.Dir); err != nil {
			return err
		}
		defer watch.Close()
	}
	names, err := generations(l.Dir, filepath.Base(l.Base))
	if err != nil {
		return err
	}
	first, offset, err := l.begin(names, o)
	if err != nil {
		return err
	}
	for _, name := range names[first : len(names)-1] {
		if err := l.copyOld(name, offset, out); err != nil {
			return err
		}
		offset = 0
	}
	f, err := l.open(names[len(names)-1])
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	r := newReader(f, offset)
	for {
		if err := drain(r, out); err != nil {
			return err
		}
		flush()
		if !o.Follow || ctx.Err() != nil {
			return nil
		}
		next, err := l.rotated(f)
		if err != nil {
			return err
		}
		if next != nil {
			if err := drain(r, out); err != nil {
				next.Close()
				return err
			}
			f.Close()
			f = next
			r = newReader(f, 0)
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-watch.changed:
		case <-o.Ended:
			// All that the container wrote is in the file by now.
			err := drain(r, out)
			flush()
			return err
		}
	}
}

// begin tells in which file, and where in it, the reading begins.
func (l Log) begin(names []string, o Options) (first int, offset int64, err error) {
	if o.Tail == nil {
		return 0, 0, nil
	}
	left := *o.Tail
	for i := len(names) - 1; i >= 0; i-- {
		f, err := l.open(names[i])
		if errors.Is(err, fs.ErrNotExist) && i < len(names)-1 {
			return i + 1, 0, nil // deleted meanwhile
		}
		if err != nil {
			return 0, 0, err
		}
		at, found, err := tailOffset(f, left)
		f.Close()
		if err != nil {
			return 0, 0, err
		}
		if left -= found; left <= 0 || i == 0 {
			return i, at, nil
		}
	}
	return 0, 0, nil
}

func (l Log) copyOld(name string, offset int64, out *sink) error {
	f, err := l.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return drain(newReader(f, offset), out)
}

// rotated returns the new file if base is not f any more.
func (l Log) rotated(f *os.File) (*os.File, error) {
	next, err := l.open(filepath.Base(l.Base))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // between the rename and the reopening
	}
	if err != nil {
		return nil, err
	}
	a, errA := f.Stat()
	b, errB := next.Stat()
	if err := errors.Join(errA, errB); err != nil || os.SameFile(a, b) {
		next.Close()
		return nil, err
	}
	return next, nil
}

func drain(r *reader, out *sink) error {
	for {
		raw, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := out.put(raw); err != nil {
			return err
		}
	}
}

// maxLine bounds a line in the file, bytes. Runtimes write at most 16 KiB and
// the prefix; a longer one comes from a pod that can write to its log's
// directory, and must not fill the node's memory.
const maxLine = 1 << 20

// reader gives whole lines; what follows the last newline waits for its end.
type reader struct {
	in   *bufio.Reader
	part []byte
	// long tells that the beginning of the line was dropped, and its rest is to
	// follow.
	long bool
}

func newReader(f *os.File, offset int64) *reader {
	return &reader{in: bufio.NewReaderSize(&from{f, offset}, block)}
}

// from reads a file from an offset on, again and again as it grows.
type from struct {
	f      *os.File
	offset int64
}

func (r *from) Read(p []byte) (int, error) {
	n, err := r.f.ReadAt(p, r.offset)
	r.offset += int64(n)
	if n > 0 {
		return n, nil
	}
	return n, err
}

func (r *reader) next() ([]byte, error) {
	for {
		raw, err := r.in.ReadSlice('\n')
		if r.long = r.long || len(r.part)+len(raw) > maxLine; r.long {
			r.part = nil
		} else {
			r.part = append(r.part, raw...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		whole, long := r.part, r.long
		r.part, r.long = nil, false
		if !long {
			return whole, nil
		}
	}
}

// sink writes selected lines.
type sink struct {
	w    io.Writer
	o    Options
	left int64
}

func (s *sink) put(raw []byte) error {
	l, err := parse(raw)
	if err != nil {
		return nil // a torn line, as a crash of the node leaves it
	}
	if !s.o.Since.IsZero() && l.at.Before(s.o.Since) || s.o.Stream != "" && s.o.Stream != l.stream {
		return nil
	}
	var out []byte
	if s.o.Timestamps {
		out = append(append(out, l.stamp...), ' ')
	}
	out = append(out, l.text...)
	if !l.partial {
		out = append(out, '\n')
	}
	if s.o.Limit != nil {
		if int64(len(out)) >= s.left {
			if _, err := s.w.Write(out[:s.left]); err != nil {
				return err
			}
			return errLimit
		}
		s.left -= int64(len(out))
	}
	_, err = s.w.Write(out)
	return err
}

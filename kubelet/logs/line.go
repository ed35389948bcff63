// Package logs reads the log files that a CRI runtime writes, one for each
// start of a container, and rotates them:
//
//	<pod's log dir>/<container>/0.log                    written now
//	<pod's log dir>/<container>/0.log.20260102-150405    rotated
//
// Each line is "<RFC 3339 time> <stdout|stderr> <F|P> <text>", where P marks a
// part that the next line continues.
//
// A log directory may be a hostPath of some pod: files are opened beneath their
// directory, never through links, and only if they are regular.
package logs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// line is one line of a file.
type line struct {
	at      time.Time
	stamp   []byte
	stream  string
	partial bool
	text    []byte
}

func parse(raw []byte) (line, error) {
	raw = bytes.TrimSuffix(raw, []byte{'\n'})
	fields := bytes.SplitN(raw, []byte{' '}, 4)
	if len(fields) < 3 {
		return line{}, fmt.Errorf("parse log line: %d fields, not 4", len(fields))
	}
	at, err := time.Parse(time.RFC3339Nano, string(fields[0]))
	if err != nil {
		return line{}, fmt.Errorf("parse log line: %w", err)
	}
	l := line{at: at, stamp: fields[0], stream: string(fields[1])}
	tag, _, _ := bytes.Cut(fields[2], []byte{':'})
	l.partial = string(tag) == "P"
	if len(fields) == 4 {
		l.text = fields[3]
	}
	return l, nil
}

// Log is one container's log.
type Log struct {
	// Root, when set, is the directory that Dir must lie beneath, even if a
	// pod has put links there.
	Root string
	// Dir holds the files, Base is the name of the one written now.
	Dir, Base string
}

// dir opens the log's directory.
func (l Log) dir() (*os.Root, error) {
	if l.Root == "" {
		return os.OpenRoot(l.Dir)
	}
	name, err := filepath.Rel(l.Root, l.Dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(l.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(name)
}

// open opens one of the log's files safely.
func (l Log) open(name string) (*os.File, error) {
	root, err := l.dir()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Links are not followed: checked first, since os.Root itself would
	// follow one that stays inside.
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open log %s: not a regular file", name)
	}
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(info, opened) {
		err = fmt.Errorf("open log %s: it was replaced meanwhile", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// generations lists the files of one start of a container, the oldest first;
// the last one is base itself.
func generations(dir, base string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base+".") && !strings.HasSuffix(e.Name(), ".gz") && e.Type().IsRegular() {
			out = append(out, e.Name())
		}
	}
	sort.Strings(out)
	return append(out, base), nil
}

const block = 32 << 10

// tailOffset returns where the last n lines of f begin, and how many there are.
func tailOffset(f *os.File, n int64) (offset, found int64, err error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 || n <= 0 {
		return end, 0, err
	}
	buf := make([]byte, block)
	for from := end; from > 0; {
		size := min(from, block)
		from -= size
		if _, err := f.ReadAt(buf[:size], from); err != nil {
			return 0, 0, err
		}
		for i := size - 1; i >= 0; i-- {
			// The newline at the very end closes the last line, it does not
			// begin one.
			if buf[i] != '\n' || from+i == end-1 {
				continue
			}
			if found++; found == n {
				return from + i + 1, n, nil
			}
		}
	}
	return 0, found + 1, nil
}

// Tail returns the text of the last lines, at most size bytes of it.
func (l Log) Tail(lines int64, size int) ([]byte, error) {
	f, err := l.open(filepath.Base(l.Base))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	offset, _, err := tailOffset(f, lines)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	r := newReader(f, offset)
	for {
		raw, err := r.next()
		if err != nil {
			break
		}
		if l, err := parse(raw); err == nil {
			out.Write(l.text)
			if !l.partial {
				out.WriteByte('\n')
			}
		}
	}
	text := out.Bytes()
	return text[max(len(text)-size, 0):], nil
}

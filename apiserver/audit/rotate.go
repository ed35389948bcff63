package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Rotated is a log file that makes way for a new one when it is full.
//
//	audit.log                                the one that is written
//	audit-2026-01-02T15-04-05.000.log        those before, until they are too
//	                                         old or too many
type Rotated struct {
	Path string
	// Size is how many bytes a file may have (100 MiB when zero).
	Size int64
	// Age is how long old files are kept, Backups how many; zero for all.
	Age     time.Duration
	Backups int

	mu      sync.Mutex // guards what follows
	file    *os.File
	written int64
}

const (
	defaultSize = 100 << 20
	stamp       = "2006-01-02T15-04-05.000"
)

// Write appends p as a whole to one file.
func (r *Rotated) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.Size
	if limit <= 0 {
		limit = defaultSize
	}
	if r.file != nil && r.written+int64(len(p)) > limit {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Write(p)
	r.written += int64(n)
	return n, err
}

// Close closes the file; a later Write opens it again.
func (r *Rotated) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// open takes up the file that is there. Nobody else may read it: it may hold
// secrets.
func (r *Rotated) open() error {
	if err := os.MkdirAll(filepath.Dir(r.Path), 0o700); err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	f, err := os.OpenFile(r.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // the first error counts
		return fmt.Errorf("open audit log: %w", err)
	}
	r.file, r.written = f, info.Size()
	return nil
}

func (r *Rotated) rotate() error {
	err := r.file.Close()
	r.file = nil
	if err != nil {
		return fmt.Errorf("rotate audit log: %w", err)
	}
	begin, end := r.parts()
	now := time.Now()
	for { // two in one millisecond must not be the same file
		to := begin + now.UTC().Format(stamp) + end
		if _, err := os.Lstat(to); os.IsNotExist(err) {
			if err := os.Rename(r.Path, to); err != nil {
				return fmt.Errorf("rotate audit log: %w", err)
			}
			break
		}
		now = now.Add(time.Millisecond)
	}
	return r.prune()
}

// parts is what stands before and after the time in the names of old files.
func (r *Rotated) parts() (begin, end string) {
	end = filepath.Ext(r.Path)
	return strings.TrimSuffix(r.Path, end) + "-", end
}

// prune removes old files that are too many or too old.
func (r *Rotated) prune() error {
	begin, end := r.parts()
	entries, err := os.ReadDir(filepath.Dir(r.Path))
	if err != nil {
		return fmt.Errorf("prune audit logs: %w", err)
	}
	var old []time.Time
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(r.Path), e.Name())
		if !strings.HasPrefix(name, begin) || !strings.HasSuffix(name, end) || len(name) < len(begin)+len(end) {
			continue
		}
		middle := name[len(begin) : len(name)-len(end)]
		if t, err := time.Parse(stamp, middle); err == nil {
			old = append(old, t)
		}
	}
	slices.SortFunc(old, func(a, b time.Time) int { return b.Compare(a) })
	for i, t := range old {
		if r.Backups > 0 && i >= r.Backups || r.Age > 0 && time.Since(t) > r.Age {
			if err := os.Remove(begin + t.Format(stamp) + end); err != nil {
				return fmt.Errorf("prune audit logs: %w", err)
			}
		}
	}
	return nil
}

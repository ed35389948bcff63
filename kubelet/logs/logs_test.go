package logs

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const day = "2026-01-02T03:04:0"

// newLog writes the files by name.
func newLog(t *testing.T, files map[string]string) Log {
	root := t.TempDir()
	dir := filepath.Join(root, "pod", "web")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Log{Root: root, Dir: dir, Base: "0.log"}
}

func TestRead(t *testing.T) {
	l := newLog(t, map[string]string{
		"0.log.20260102-000000": day + "1Z stdout F one\n" + day + "2Z stderr F two\n",
		"0.log":                 day + "3Z stdout P thr\n" + day + "3Z stdout F ee\n" + day + "4Z stdout F four\ntorn",
		"1.log":                 day + "9Z stdout F other\n",
	})
	number := func(n int64) *int64 { return &n }
	since, _ := time.Parse(time.RFC3339, day+"3Z")
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"all":         {Options{}, "one\ntwo\nthree\nfour\n"},
		"tail 1":      {Options{Tail: number(1)}, ""},
		"tail 2":      {Options{Tail: number(2)}, "four\n"},
		"tail 5":      {Options{Tail: number(5)}, "two\nthree\nfour\n"},
		"tail 0":      {Options{Tail: number(0)}, ""},
		"tail 99":     {Options{Tail: number(99)}, "one\ntwo\nthree\nfour\n"},
		"since":       {Options{Since: since}, "three\nfour\n"},
		"limit":       {Options{Limit: number(6)}, "one\ntw"},
		"stream":      {Options{Stream: "stderr"}, "two\n"},
		"timestamped": {Options{Timestamps: true, Tail: number(2)}, day + "4Z four\n"},
	} {
		var out bytes.Buffer
		if err := l.Read(t.Context(), c.o, &out, func() {}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", name, out.String(), c.want)
		}
	}
}

// lines is a writer whose content can be waited for.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	news chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	select {
	case l.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) await(t *testing.T, want string) {
	t.Helper()
	for {
		l.mu.Lock()
		have := l.text.String()
		l.mu.Unlock()
		if have == want {
			return
		}
		select {
		case <-l.news:
		case <-t.Context().Done():
			t.Fatalf("have %q, want %q", have, want)
		}
	}
}

func TestFollowAcrossRotationToTheEnd(t *testing.T) {
	l := newLog(t, map[string]string{"0.log": day + "1Z stdout F one\n"})
	out, ended := &lines{news: make(chan struct{}, 1)}, make(chan struct{})
	done := make(chan error)
	go func() {
		done <- l.Read(context.Background(), Options{Follow: true, Ended: ended}, out, func() {})
	}()
	out.await(t, "one\n")
	path := filepath.Join(l.Dir, l.Base)
	add := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	add(day + "2Z stdout F two\n")
	out.await(t, "one\ntwo\n")
	r := Rotation{MaxSize: 10, MaxFiles: 2, Reopen: func(context.Context, string) error { add(day + "3Z stdout F three\n"); return nil }}
	if err := r.Rotate(t.Context(), l, "c"); err != nil {
		t.Fatal(err)
	}
	out.await(t, "one\ntwo\nthree\n")
	add(day + "4Z stdout F four\n")
	close(ended)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	out.await(t, "one\ntwo\nthree\nfour\n")
}

// TestSymlinkedLog: a pod with a hostPath to the log directory puts a link to
// the node's files where a log should be (GHSA-rgh6-rfwx-v388).
func TestSymlinkedLog(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(secret, []byte(day+"1Z stdout F secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLog(t, map[string]string{"1.log": day + "1Z stdout F mine\n"})
	if err := os.Symlink(secret, filepath.Join(l.Dir, "0.log")); err != nil {
		t.Fatal(err)
	}
	dirLink := Log{Root: l.Root, Dir: filepath.Join(l.Root, "away"), Base: "shadow"}
	if err := os.Symlink(filepath.Dir(secret), dirLink.Dir); err != nil {
		t.Fatal(err)
	}
	within := l
	within.Base = "2.log"
	if err := os.Symlink("1.log", filepath.Join(l.Dir, "2.log")); err != nil {
		t.Fatal(err)
	}
	for _, log := range []Log{l, dirLink, within} {
		var out bytes.Buffer
		if err := log.Read(t.Context(), Options{}, &out, func() {}); err == nil || out.Len() > 0 {
			t.Errorf("read %q, error %v", out.String(), err)
		}
		if text, err := log.Tail(10, 100); err == nil {
			t.Errorf("tail %q", text)
		}
	}
}

func TestTail(t *testing.T) {
	l := newLog(t, map[string]string{"0.log": day + "1Z stderr F one\n" + day + "2Z stderr F two\n" + day + "3Z stderr F three\n"})
	text, err := l.Tail(2, 100)
	if err != nil || string(text) != "two\nthree\n" {
		t.Errorf("%q, %v", text, err)
	}
	if text, _ := l.Tail(80, 6); string(text) != "three\n" {
		t.Errorf("%q", text)
	}
}

// A pod that can write to its log's directory writes a line without an end.
func TestEndlessLine(t *testing.T) {
	long := "2026-01-02T03:04:05.000000001Z stdout F " + strings.Repeat("x", 2*maxLine)
	l := newLog(t, map[string]string{"0.log": long + "\n2026-01-02T03:04:06.000000001Z stdout F after\n" + long})
	var out bytes.Buffer
	if err := l.Read(t.Context(), Options{}, &out, func() {}); err != nil || out.String() != "after\n" {
		t.Errorf("read %d bytes, %v", out.Len(), err)
	}
}

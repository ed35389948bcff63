package filewatch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "one")
	ctx, cancel := context.WithCancel(context.Background())
	seen, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- Follow(ctx, file, []byte("zero"), func(content []byte) { seen <- string(content) })
	}()
	want := func(text string) {
		t.Helper()
		if got := <-seen; got != text {
			t.Fatalf("saw %q, want %q", got, text)
		}
	}
	want("one")

	write(filepath.Join(dir, "new"), "replaced")
	if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
		t.Fatal(err)
	}
	want("replaced")

	// As a mounted ConfigMap changes: a link to a directory is swapped.
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(filepath.Join(dir, name, "config"), name)
	}
	swap := func(to string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("a")
	if err := os.Symlink("..data/config", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "link"), file); err != nil {
		t.Fatal(err)
	}
	want("a")
	swap("b")
	want("b")

	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

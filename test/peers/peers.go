// Package peers starts the programs of others that tests run Minke against.
// build.sh builds them.
package peers

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Binary returns the path of a program in build/peers, and skips the test when
// nobody has built it.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(root(t), "build", "peers", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there: run `make peers`", path)
	}
	return path
}

// root finds the repository from the folder that the test runs in.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(mod, []byte("module minke\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("find the repository: no folder above this one is it")
		}
		dir = filepath.Dir(dir)
	}
}

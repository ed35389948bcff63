package conntrack

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestEntries(t *testing.T) {
	for cpus, want := range map[int]int{1: 131072, 4: 131072, 8: 262144, 32: 1048576, 256: 1048576} {
		if got := entries(cpus); got != want {
			t.Errorf("%d CPUs: got %d entries, want %d", cpus, got, want)
		}
	}
}

// The table is the machine's: another's larger one must stay.
func TestRaiseNeverLowers(t *testing.T) {
	for _, c := range []struct{ before, least, want int }{{65536, 131072, 131072}, {262144, 131072, 262144}} {
		path := filepath.Join(t.TempDir(), "max")
		if err := os.WriteFile(path, fmt.Appendln(nil, c.before), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := raise(path, c.least); err != nil {
			t.Fatal(err)
		}
		if got, err := read(path); err != nil || got != c.want {
			t.Errorf("%d raised to %d: got %d, error %v, want %d", c.before, c.least, got, err, c.want)
		}
	}
}

func TestTellsOfNonsense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "max")
	if err := os.WriteFile(path, []byte("many\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ignoreForbidden(raise(path, 1)); err == nil {
		t.Error("a setting that is no number gives no error")
	}
}

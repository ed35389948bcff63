package rules

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/dependencies.txt anew")

// TestDependencies holds the list of modules that minke links, so that one
// more is a line in a review. After a wanted change:
//
//	go test ./test/rules -run TestDependencies -update
func TestDependencies(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/minke")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	got := strings.Join(slices.Compact(modules), "\n") + "\n"
	file := filepath.Join("testdata", "dependencies.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Fields(string(want))
	for _, m := range strings.Fields(got) {
		if !slices.Contains(have, m) {
			t.Errorf("minke now links %s; if that is wanted, run this test with -update", m)
		}
	}
	for _, m := range have {
		if !slices.Contains(strings.Fields(got), m) {
			t.Errorf("minke no longer links %s; run this test with -update", m)
		}
	}
}

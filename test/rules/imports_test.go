package rules

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport says, for each part, which other parts of Minke its code may
// import (ARCHITECTURE.md, "Who may know whom"). A part may always import
// itself. Tests may import anything.
var mayImport = map[string][]string{
	"api":         {},
	"tracing":     {},
	"store":       {"tracing"},
	"runtime":     {},
	"apiserver":   {"api", "store", "tracing"},
	"client":      {"api/inprocess"},
	"controllers": {"client", "api/quota"},
	"scheduler":   {"client"},
	"kubelet":     {"client", "tracing"},
	"network":     {"client"},
	"observe":     {"client"},
	"federation":  {"client", "apiserver"},
	"cluster":     {"api", "store", "tracing", "runtime", "apiserver", "client", "controllers", "scheduler", "kubelet", "network", "observe", "federation"},
	"cmd":         {"cluster"},
	"test":        {"api", "store", "tracing", "runtime", "apiserver", "client", "controllers", "scheduler", "kubelet", "network", "observe", "federation", "cluster", "cmd"},
}

func TestImportsGoDown(t *testing.T) {
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		part, _, ok := strings.Cut(file, "/")
		if !ok {
			continue
		}
		allowed, known := mayImport[part]
		if !known {
			t.Errorf("%s: the folder %s is not a part; add it to ARCHITECTURE.md and to mayImport, or find the room where it belongs", file, part)
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			checkImport(t, file, part, path, allowed)
		}
	}
}

func checkImport(t *testing.T, file, part, path string, allowed []string) {
	if strings.HasPrefix(path, "k8s.io/kubernetes") {
		t.Errorf("%s imports %s: nothing of k8s.io/kubernetes is used", file, path)
	}
	inside, ok := strings.CutPrefix(path, "minke/")
	if !ok || within(inside, part) {
		return
	}
	for _, a := range allowed {
		if within(inside, a) {
			return
		}
	}
	t.Errorf("%s imports %s: %s may import only %v", file, path, part, allowed)
}

func within(path, part string) bool {
	return path == part || strings.HasPrefix(path, part+"/")
}

func TestNoDrawers(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, dir := range strings.Split(filepath.Dir(file), "/") {
			switch dir {
			case "util", "utils", "common", "helpers", "misc":
				t.Errorf("%s: no package is called %s; name it for its one idea", file, dir)
			}
		}
	}
}

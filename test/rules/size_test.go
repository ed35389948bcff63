package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// Ceilings of hand-written code. They are meant to be felt: look for the seam
// before asking for an exception.
const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

// goFiles returns every hand-written Go file, relative to the repository.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == ".git" || rel == "bin" || rel == "build" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(rel, ".go") && !strings.HasPrefix(d.Name(), "zz_generated") {
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSizes(t *testing.T) {
	for _, file := range goFiles(t) {
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if ast.IsGenerated(parsed) {
			continue
		}
		if lines := fset.Position(parsed.End()).Line; lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", file, lines, maxFileLines)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", file, f.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

// TestPackageDocs holds that every package says, once, what it is for.
func TestPackageDocs(t *testing.T) {
	docs := map[string][]string{}
	for _, file := range goFiles(t) {
		dir := filepath.Dir(file)
		if _, ok := docs[dir]; !ok && !strings.HasSuffix(file, "_test.go") {
			docs[dir] = nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Doc != nil && !strings.HasSuffix(file, "_test.go") {
			docs[dir] = append(docs[dir], file)
		}
	}
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("%s: %d files have a package comment, wanted exactly one: %v", dir, len(files), files)
		}
	}
}

package openapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/api/catalog"
	"minke/api/feature"
)

var update = flag.Bool("update", false, "write facts.txt anew")

// TestFacts holds that the file says what the sources say. After an update of
// one of the modules:
//
//	go test ./apiserver/openapi -run TestFacts -update
func TestFacts(t *testing.T) {
	known := map[string]reflect.Type{}
	visit := func(obj runtime.Object) {
		if obj != nil {
			collect(reflect.TypeOf(obj), known)
		}
	}
	for _, r := range everything(t) {
		visit(r.New())
		visit(r.NewList())
		for _, v := range r.Also {
			visit(v.New())
			visit(v.NewList())
		}
	}
	for _, m := range bodies {
		collect(m.goType, known)
	}
	for _, typ := range append(fixedTypes, reflect.TypeFor[autoscalingv1.Scale]()) {
		collect(typ, known)
	}
	sources := readSources(t, known)
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if lines := sources.lines(t, known[name]); lines != "" {
			fmt.Fprintf(&out, "%s\n%s", name, lines)
		}
	}
	if *update {
		if err := os.WriteFile("facts.txt", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		allFacts = out.String()
	}
	if allFacts != out.String() {
		t.Error("facts.txt is not what the sources say; run this test with -update")
	}
}

// everything is all that can be served.
func everything(t testing.TB) []*api.Resource {
	gates, err := feature.Parse("AllAlpha=true,AllBeta=true")
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Serve(catalog.Choice{"api/all": "true"}, gates)
}

// collect finds the struct types that t consists of.
func collect(t reflect.Type, known map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		collect(t.Elem(), known)
	case reflect.Struct:
		name := t.PkgPath() + "." + t.Name()
		if known[name] != nil || !strings.HasPrefix(name, "k8s.io/") {
			return
		}
		known[name] = t
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				collect(f.Type, known)
			}
		}
	}
}

// source is a type's declaration.
type source struct {
	doc    []string
	fields map[string][]string // comments by the field's Go name
	like   string              // the type whose fields it has instead
}

type sources struct {
	types     map[string]source
	constants map[string]string // JSON by package and name
}

func readSources(t *testing.T, known map[string]reflect.Type) sources {
	packages := map[string]bool{}
	for _, typ := range known {
		packages[typ.PkgPath()] = true
	}
	args := append([]string{"list", "-f", "{{.ImportPath}} {{.Dir}}"}, slices.Sorted(maps.Keys(packages))...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	s := sources{map[string]source{}, map[string]string{}}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if base := filepath.Base(file); strings.HasSuffix(base, "_test.go") || strings.Contains(base, "generated") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			imports := importsOf(parsed)
			for _, d := range parsed.Decls {
				if decl, ok := d.(*ast.GenDecl); ok {
					s.read(path, imports, decl)
				}
			}
		}
	}
	return s
}

// importsOf returns the imported packages by the names that they have in a file.
func importsOf(file *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		name := filepath.Base(path)
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = path
	}
	return out
}

func (s sources) read(path string, imports map[string]string, decl *ast.GenDecl) {
	for _, sp := range decl.Specs {
		switch sp := sp.(type) {
		case *ast.TypeSpec:
			doc := sp.Doc
			if doc == nil {
				doc = decl.Doc
			}
			src := source{doc: linesOf(doc), fields: map[string][]string{}}
			if st, ok := sp.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, n := range f.Names {
						src.fields[n.Name] = linesOf(f.Doc)
					}
					if len(f.Names) == 0 {
						src.fields[lastName(f.Type)] = linesOf(f.Doc)
					}
				}
			}
			if other, ok := sp.Type.(*ast.SelectorExpr); ok {
				// It has the fields of another package's type.
				src.like = imports[lastName(other.X)] + "." + other.Sel.Name
			}
			s.types[path+"."+sp.Name.Name] = src
		case *ast.ValueSpec:
			for i, n := range sp.Names {
				if i < len(sp.Values) {
					if lit, ok := sp.Values[i].(*ast.BasicLit); ok {
						s.constants[path+"."+n.Name] = lit.Value
					}
				}
			}
		}
	}
}

// lastName is the name of the type that an expression names: ObjectMeta of
// *metav1.ObjectMeta.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return lastName(e.X)
	}
	return ""
}

func linesOf(doc *ast.CommentGroup) []string {
	if doc == nil {
		return nil
	}
	return strings.Split(strings.TrimRight(doc.Text(), "\n"), "\n")
}

// markers returns the values of each marker ("+NAME=VALUE").
func markers(lines []string) map[string][]string {
	out := map[string][]string{}
	for _, line := range lines {
		if m, ok := strings.CutPrefix(strings.TrimSpace(line), "+"); ok {
			name, value, _ := strings.Cut(m, "=")
			out[name] = append(out[name], value)
		}
	}
	return out
}

// lines writes the facts about a type.
func (s sources) lines(t *testing.T, typ reflect.Type) string {
	src, ok := s.types[typ.PkgPath()+"."+typ.Name()]
	if !ok {
		t.Errorf("the source of %s.%s was not found", typ.PkgPath(), typ.Name())
	}
	if src.like != "" {
		src.fields = s.types[src.like].fields
	}
	var said map[string]string
	if d, ok := reflect.Zero(typ).Interface().(documented); ok {
		said = d.SwaggerDoc()
	}
	var out strings.Builder
	line := func(name string, words []string, doc, said string) {
		if doc != said {
			quoted := strconv.Quote(doc)
			words = append(words, "doc="+quoted[1:len(quoted)-1])
		}
		if len(words) > 0 {
			fmt.Fprintf(&out, "\t%s %s\n", name, strings.Join(words, " "))
		}
	}
	words := extensionsOf(markers(src.doc))
	if u := unionOf(typ, src); u != "" {
		words = append(words, "union="+u)
	}
	line("-", words, describe(src.doc), said[""])
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		comments := src.fields[f.Name]
		has := markers(comments)
		words := extensionsOf(has)
		_, isOptional := has["optional"]
		_, isNeeded := has["required"]
		if byTag := !omitsEmpty(options); isNeeded && !byTag {
			words = append(words, "required")
		} else if isOptional && byTag {
			words = append(words, "optional")
		}
		if d := has["default"]; len(d) > 0 {
			words = append(words, "default="+s.value(t, typ, d[0]))
		}
		line(name, words, describe(comments), said[name])
	}
	return out.String()
}

// value is the JSON of a default, which may be the name of a constant.
func (s sources) value(t *testing.T, typ reflect.Type, text string) string {
	if name, ok := strings.CutPrefix(text, "ref("); ok {
		name = strings.TrimSuffix(name, ")")
		if !strings.Contains(name, ".") {
			name = typ.PkgPath() + "." + name
		}
		text = s.constants[name]
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil || bytes.Contains(compact.Bytes(), []byte(" ")) {
		t.Errorf("%s: the default %q cannot be written", typ, text)
	}
	return compact.String()
}

func extensionsOf(has map[string][]string) []string {
	var words []string
	if v := has["listType"]; len(v) > 0 {
		words = append(words, "list="+v[0])
	}
	if v := has["listMapKey"]; len(v) > 0 {
		words = append(words, "keys="+strings.Join(v, ","))
	}
	for _, name := range []string{"mapType", "structType"} {
		if v := has[name]; len(v) > 0 {
			words = append(words, "map="+v[0])
		}
	}
	return words
}

// unionOf tells the discriminator and the members of a type marked +union.
func unionOf(typ reflect.Type, src source) string {
	if _, ok := markers(src.doc)["union"]; !ok {
		return ""
	}
	var discriminator string
	var members []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		if _, ok := markers(src.fields[f.Name])["unionDiscriminator"]; ok {
			discriminator = name
		} else {
			members = append(members, name+":"+f.Name)
		}
	}
	return discriminator + ";" + strings.Join(members, ",")
}

// describe makes a description of a comment, as kube-openapi does: without
// markers and TODOs, a paragraph in one line, what is indented in its own.
func describe(comment []string) string {
	out := ""
	shorten := func() {
		if out != "" {
			out = out[:len(out)-1]
		}
	}
	for _, line := range comment {
		if line == "---" {
			break
		}
		line = strings.TrimRight(line, " ")
		start := strings.TrimLeft(line, " ")
		switch {
		case line == "":
			shorten()
			out += "\n\n"
		case strings.HasPrefix(start, "TODO"), strings.HasPrefix(start, "+"):
		case line[0] == ' ' || line[0] == '\t':
			shorten()
			out += "\n" + line + "\n"
		default:
			out += line + " "
		}
	}
	return strings.TrimSpace(out)
}

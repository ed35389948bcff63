//go:build conformance

package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// T is a row's test: the clock, its namespace, and the words it speaks with.
// Anything that fails ends the test.
type T struct {
	*testing.T
	ctx context.Context
	id  string
	ns  string
}

// row is the test of a behaviour. Alone ones run before the others, one after
// another, since they take all of the cluster.
type row struct {
	run   func(*T)
	alone bool
}

var rows = map[string]row{}

// add names the tests of behaviours by their ids.
func add(tests map[string]func(*T)) {
	for id, f := range tests {
		if _, ok := rows[id]; ok {
			panic("two tests of " + id)
		}
		rows[id] = row{run: f}
	}
}

// addAlone is add for tests that need the whole cluster.
func addAlone(tests map[string]func(*T)) {
	add(tests)
	for id := range tests {
		rows[id] = row{run: tests[id], alone: true}
	}
}

// TestConformance runs every row that is written.
func TestConformance(t *testing.T) {
	known := map[string]bool{}
	for _, b := range behaviours {
		known[b.ID] = true
	}
	for id := range maps.Keys(rows) {
		if !known[id] {
			t.Errorf("test of an unknown behaviour %s", id)
		}
	}
	for _, alone := range []bool{true, false} {
		for _, b := range behaviours {
			r, ok := rows[b.ID]
			if !ok || r.alone != alone {
				continue
			}
			t.Run(b.ID+"_"+slug(b.Name), func(t *testing.T) {
				if !alone {
					t.Parallel()
				}
				runRow(t, b.ID, r)
			})
		}
	}
}

// TestNamespacesGo wants that what the rows left in their namespaces does not hold
// them up.
func TestNamespacesGo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	eventually(t, ctx, "the namespaces of the rows are gone", func() error {
		a, err := do(ctx, request{Method: "GET", Path: "/api/v1/namespaces"})
		if err := errors.Join(err, a.err(200)); err != nil {
			return err
		}
		for _, ns := range a.Body.list("items") {
			if ns.name() != "default" && !strings.HasPrefix(ns.name(), "kube-") {
				return fmt.Errorf("%s is still there: %v", ns.name(), ns["status"])
			}
		}
		return nil
	})
}

// slug is a name fit for go test -run.
func slug(name string) string {
	f := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	words := strings.FieldsFunc(name, f)
	return strings.Join(words[:min(len(words), 12)], "_")
}

func runRow(t *testing.T, id string, r row) {
	start := time.Now()
	defer func() {
		record(results.rows, id, outcome{Failed: t.Failed(), Skipped: t.Skipped(), Took: time.Since(start)})
	}()
	inNamespace(t, id, r.run)
}

// inNamespace runs a test in a namespace of its own.
func inNamespace(t *testing.T, id string, run func(*T)) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	row := &T{T: t, ctx: ctx, id: id, ns: strings.ToLower(id)}
	defer row.end()
	row.post("namespaces", object{}.set("metadata.name", row.ns))
	row.wait("serviceaccounts/default", "the default service account", func(object) error { return nil })
	run(row)
}

// end takes the namespace down, and tells of its pods if the row failed.
func (t *T) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t.ctx = ctx
	if t.Failed() {
		for _, what := range []string{"pods", "events"} {
			a := t.do(request{Method: "GET", Path: t.path(what)})
			for _, o := range a.Body.list("items") {
				t.Logf("%s %s: %s %s %v", what, o.name(), o.str("reason"), o.str("message"), o["status"])
			}
		}
	}
	t.do(request{Method: "DELETE", Path: "/api/v1/namespaces/" + t.ns})
}

// path resolves pods, pods/x, deployments/x/scale… in the row's namespace;
// what begins with a slash is a path already.
func (t *T) path(p string) string {
	t.Helper()
	if strings.HasPrefix(p, "/") {
		return p
	}
	plural, rest, _ := strings.Cut(p, "/")
	plural, query, asked := strings.Cut(plural, "?")
	where, ok := placesByPlural[plural]
	if !ok {
		t.Fatalf("no place of %s", plural)
	}
	out := where.collection(t.ns)
	if rest != "" {
		out += "/" + rest
	}
	if asked {
		out += "?" + query
	}
	return out
}

func (t *T) do(r request) answer {
	t.Helper()
	a, err := do(t.ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// call is a request that must be answered with one of the codes, or any of 2xx.
func (t *T) call(r request, codes ...int) object {
	t.Helper()
	r.Path = t.path(r.Path)
	a := t.do(r)
	if err := a.err(codes...); err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a.Body
}

func (t *T) get(path string) object {
	t.Helper()
	return t.call(request{Method: "GET", Path: path})
}

func (t *T) items(path string) []object {
	t.Helper()
	return t.get(path).list("items")
}

func (t *T) post(path string, body any, codes ...int) object {
	t.Helper()
	return t.call(request{Method: "POST", Path: path, Body: body}, codes...)
}

func (t *T) put(path string, body any, codes ...int) object {
	t.Helper()
	return t.call(request{Method: "PUT", Path: path, Body: body}, codes...)
}

// patch sends a JSON merge patch.
func (t *T) patch(path, body string, codes ...int) object {
	t.Helper()
	return t.call(request{Method: "PATCH", Path: path, Type: mergePatch, Body: body}, codes...)
}

// update changes what is stored, again when somebody else was faster.
func (t *T) update(path string, change func(object)) object {
	t.Helper()
	for {
		o := t.get(path)
		change(o)
		a := t.do(request{Method: "PUT", Path: t.path(path), Body: o})
		if a.Code == http.StatusConflict {
			continue
		}
		if err := a.err(200); err != nil {
			t.Fatalf("update %s: %v", path, err)
		}
		return a.Body
	}
}

func (t *T) remove(path string) {
	t.Helper()
	t.call(request{Method: "DELETE", Path: path})
}

// removeWith deletes with options, such as propagationPolicy=Orphan.
func (t *T) removeWith(path, policy string) {
	t.Helper()
	t.call(request{Method: "DELETE", Path: path, Body: `{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"` + policy + `"}`})
}

// gone waits until there is no such object.
func (t *T) gone(path string) {
	t.Helper()
	t.until(path+" is gone", func() error {
		return t.do(request{Method: "GET", Path: t.path(path)}).err(404)
	})
}

// wait waits until an object is there and as check wants it, and returns it.
func (t *T) wait(path, what string, check func(object) error) object {
	t.Helper()
	var last object
	t.until(what, func() error {
		a := t.do(request{Method: "GET", Path: t.path(path)})
		if err := a.err(); err != nil {
			return err
		}
		last = a.Body
		return check(last)
	})
	return last
}

// waitField waits until a field has a value.
func (t *T) waitField(path, field, value string) object {
	t.Helper()
	return t.wait(path, path+" "+field, func(o object) error { return want(field, o.str(field), value) })
}

func (t *T) until(what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	eventually(t.T, ctx, what, check)
}

// never wants check to stay nil for a while.
func (t *T) never(what string, d time.Duration, check func() error) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := check(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func (t *T) equal(what string, got, wanted any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Fatalf("%s is %v, wanted %v", what, got, wanted)
	}
}

func (t *T) contains(what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Fatalf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// create makes the objects of a manifest in the row's namespace, and returns
// the last.
func (t *T) create(manifest string) object {
	t.Helper()
	var last object
	for _, text := range strings.Split(manifest, "\n---\n") {
		last = t.createObject(parse(text))
	}
	return last
}

func (t *T) createObject(o object) object {
	t.Helper()
	kind := o.str("apiVersion") + "/" + o.str("kind")
	where, ok := placesByKind[kind]
	if !ok {
		t.Fatalf("no place of %s", kind)
	}
	made := t.post(where.collection(t.ns), o, 201)
	if !where.Namespaced {
		path := where.Prefix + "/" + where.Plural + "/" + made.name()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			a, err := do(ctx, request{Method: "DELETE", Path: path})
			if err := errors.Join(err, a.err(200, 202, 404)); err != nil {
				t.Error(err)
			}
		})
	}
	return made
}

// names of objects, sorted.
func names(list []object) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.name())
	}
	slices.Sort(out)
	return out
}

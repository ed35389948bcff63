//go:build conformance

package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sweep is the check of one operation.
type sweep struct {
	ctx       context.Context
	endpoint  endpoint
	place     place
	sub       string // status, scale, …
	kind      string // apiVersion/Kind of the object in the path
	namespace string
	word      string   // names and labels what this sweep makes
	made      []string // paths of what make made
}

// TestEndpoints sends a real request for every stable operation.
func TestEndpoints(t *testing.T) {
	const namespace = "sweep"
	prepareSweep(t, namespace)
	for _, e := range endpoints {
		if e.Level != "stable" {
			continue
		}
		t.Run(e.Operation, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			start := time.Now()
			s := newSweep(ctx, e, namespace)
			err := errors.Join(s.check(), s.clean())
			o := outcome{Took: time.Since(start)}
			if err != nil {
				o.Failed, o.Why = true, err.Error()
				t.Errorf("%s %s: %v", e.Action, e.Path, err)
			}
			record(results.operations, e.Operation, o)
		})
	}
}

func newSweep(ctx context.Context, e endpoint, namespace string) *sweep {
	s := &sweep{ctx: ctx, endpoint: e, namespace: namespace, word: fmt.Sprintf("%s%dx", strings.ToLower(e.Action), serial.Add(1))}
	if e.Action == "" {
		return s
	}
	var rest string
	s.place, rest = cut(e.Path)
	s.sub = strings.TrimPrefix(strings.TrimPrefix(rest, "{name}"), "/")
	for kind, p := range placesByKind {
		if p.Prefix == s.place.Prefix && p.Plural == s.place.Plural {
			s.kind = kind
			s.place.Namespaced = p.Namespaced
		}
	}
	return s
}

func (s *sweep) check() error {
	if f, ok := special[s.endpoint.Action+" "+s.place.Plural+"/"+s.sub]; ok {
		return f(s)
	}
	if s.endpoint.Action == "" {
		return s.document()
	}
	if s.endpoint.Action == "connect" {
		return s.connectTo()
	}
	if s.sub != "" {
		return s.subresource()
	}
	switch s.endpoint.Action {
	case "list":
		return s.list()
	case "post":
		return s.post()
	case "get":
		return s.get()
	case "put":
		return s.put(s.name)
	case "patch":
		return s.patch(s.name)
	case "delete":
		return s.remove()
	case "deletecollection":
		return s.removeCollection()
	}
	return fmt.Errorf("no check for action %q", s.endpoint.Action)
}

// call is a request with the codes it may answer (none: any of 2xx).
func (s *sweep) call(r request, codes ...int) (object, error) {
	a, err := do(s.ctx, r)
	if err != nil {
		return nil, err
	}
	return a.Body, a.err(codes...)
}

func (s *sweep) collection() string { return s.place.collection(s.namespace) }

func (s *sweep) path(o object) string { return s.collection() + "/" + o.name() }

// make creates an object of the kind in the path.
func (s *sweep) make() (object, error) {
	o, err := sample(s.kind, s.namespace, s.word)
	if err != nil {
		return nil, err
	}
	made, err := s.call(request{Method: "POST", Path: s.collection(), Body: o}, 201)
	if err != nil {
		return nil, fmt.Errorf("make one: %w", err)
	}
	s.made = append(s.made, s.path(made))
	return made, nil
}

// clean deletes what make left for the whole cluster, where it acts on other
// rows: an APIService that nobody answers for holds up every namespace's end.
// Other objects go with their namespace.
func (s *sweep) clean() error {
	if s.place.Namespaced {
		return nil
	}
	var errs []error
	for _, path := range s.made {
		if _, err := s.call(request{Method: "DELETE", Path: path}, 200, 202, http.StatusNotFound); err != nil {
			errs = append(errs, fmt.Errorf("clean up: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (s *sweep) name(o object) string { return s.path(o) }

// document wants a discovery document.
func (s *sweep) document() error {
	path := s.endpoint.Path
	if strings.HasPrefix(path, "/logs/") {
		return s.logs()
	}
	got, err := s.call(request{Method: "GET", Path: path}, 200)
	if err != nil {
		return err
	}
	kind := got.str("kind")
	switch {
	case path == "/version/":
		if got.str("gitVersion") == "" {
			return fmt.Errorf("no gitVersion in %v", got)
		}
		return nil
	case path == "/api/":
		return want("kind", kind, "APIVersions")
	case path == "/apis/":
		return want("kind", kind, "APIGroupList")
	case strings.Count(path, "/") == 3 && strings.HasPrefix(path, "/apis/"):
		return errors.Join(want("kind", kind, "APIGroup"), want("name", got.str("name"), strings.Split(path, "/")[2]))
	}
	if len(got.list("resources")) == 0 {
		return errors.New("no resources listed")
	}
	return want("kind", kind, "APIResourceList")
}

// logs wants a list of log files, and one of them.
func (s *sweep) logs() error {
	a, err := do(s.ctx, request{Method: "GET", Path: "/logs/"})
	if err != nil {
		return err
	}
	if err := errors.Join(a.err(200), want("content type", a.Header.Get("Content-Type"), "text/html; charset=utf-8")); err != nil || s.endpoint.Path == "/logs/" {
		return err
	}
	// The first file; a link that leads out of the directory is none.
	for _, part := range strings.Split(string(a.Raw), `href="`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if strings.HasSuffix(name, "/") {
			continue
		}
		file, err := do(s.ctx, request{Method: "GET", Path: "/logs/" + name})
		if err != nil {
			return err
		}
		if file.Code == 200 {
			return nil
		}
	}
	return errors.New("no log file can be read")
}

func want[T comparable](what string, got, wanted T) error {
	if got != wanted {
		return fmt.Errorf("%s is %v, wanted %v", what, got, wanted)
	}
	return nil
}

func (s *sweep) list() error {
	one, err := s.make()
	if err != nil {
		return err
	}
	path := s.place.Prefix + "/" + s.place.Plural
	if strings.Contains(s.endpoint.Path, "{namespace}") {
		path = s.collection()
	}
	got, err := s.call(request{Method: "GET", Path: path + "?labelSelector=sweep%3D" + s.word}, 200)
	if err != nil {
		return err
	}
	found := false
	for _, item := range got.list("items") {
		found = found || item.str("metadata.uid") == one.str("metadata.uid")
	}
	if !found || got.str("metadata.resourceVersion") == "" || !strings.HasSuffix(got.str("kind"), "List") {
		return fmt.Errorf("the list lacks the object, its version or its kind: %v", got)
	}
	return s.watch(path, one)
}

func (s *sweep) post() error {
	made, err := s.make()
	if err != nil {
		return err
	}
	if made.str("metadata.uid") == "" || made.str("metadata.resourceVersion") == "" || made.str("metadata.creationTimestamp") == "" {
		return fmt.Errorf("no uid, version or time: %v", made["metadata"])
	}
	apiVersion := s.kind[:strings.LastIndex(s.kind, "/")]
	if err := errors.Join(want("kind", made.str("kind"), s.endpoint.Kind), want("apiVersion", made.str("apiVersion"), apiVersion)); err != nil {
		return err
	}
	again, err := sample(s.kind, s.namespace, s.word)
	if err != nil {
		return err
	}
	name := again.name()
	data, err := json.Marshal(again)
	if err != nil {
		return err
	}
	// What differs is the number in the names; a CRD and an APIService have it in
	// several places.
	old := made.name()
	for name[len(name)-1] == old[len(old)-1] {
		name, old = name[:len(name)-1], old[:len(old)-1]
	}
	if at := strings.Index(name, s.word); at > 0 {
		name, old = name[at:], old[at:]
	}
	again = parse(strings.ReplaceAll(string(data), name, old))
	_, err = s.call(request{Method: "POST", Path: s.collection(), Body: again}, 409)
	return err
}

func (s *sweep) get() error {
	one, err := s.make()
	if err != nil {
		return err
	}
	got, err := s.call(request{Method: "GET", Path: s.path(one)}, 200)
	if err != nil {
		return err
	}
	if _, err := s.call(request{Method: "GET", Path: s.collection() + "/nobody-is-here"}, 404); err != nil {
		return err
	}
	return want("uid", got.str("metadata.uid"), one.str("metadata.uid"))
}

// put replaces an object: with a label, then with a version that is old.
func (s *sweep) put(path func(object) string) error {
	one, err := s.make()
	if err != nil {
		return err
	}
	for range 20 { // a controller may write in between
		got, err := s.call(request{Method: "GET", Path: path(one)}, 200)
		if err != nil {
			return err
		}
		old := got.str("metadata.resourceVersion")
		got.set("metadata.labels.put", "yes")
		a, err := do(s.ctx, request{Method: "PUT", Path: path(one), Body: got})
		if err != nil {
			return err
		}
		if a.Code == http.StatusConflict {
			continue
		}
		if err := a.err(200); err != nil {
			return err
		}
		if a.Body.str("metadata.labels.put") != "yes" {
			return fmt.Errorf("the label is not there: %v", a.Body["metadata"])
		}
		if err := s.reads(one, "put"); err != nil {
			return err
		}
		got.set("metadata.resourceVersion", old)
		got.set("metadata.labels.put", "again")
		_, err = s.call(request{Method: "PUT", Path: path(one), Body: got}, 409)
		return err
	}
	return errors.New("conflicts without end")
}

// patch sends a patch of every type.
func (s *sweep) patch(path func(object) string) error {
	one, err := s.make()
	if err != nil {
		return err
	}
	apply := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"labels":{"apply":"yes"}}}`, one.str("apiVersion"), one.str("kind"), one.name())
	for _, p := range []struct{ kind, body, label, query string }{
		{mergePatch, `{"metadata":{"labels":{"merge":"yes"}}}`, "merge", ""},
		{strategicPatch, `{"metadata":{"labels":{"strategic":"yes"}}}`, "strategic", ""},
		{jsonPatch, `[{"op":"add","path":"/metadata/labels/json","value":"yes"}]`, "json", ""},
		{applyPatch, apply, "apply", "?fieldManager=sweep"},
	} {
		got, err := s.call(request{Method: "PATCH", Path: path(one) + p.query, Type: p.kind, Body: p.body}, 200)
		if err != nil {
			return fmt.Errorf("%s: %w", p.kind, err)
		}
		if got.str("metadata.labels."+p.label) != "yes" {
			return fmt.Errorf("%s: the label is not there: %v", p.kind, got["metadata"])
		}
	}
	return s.reads(one, "merge", "strategic", "json", "apply")
}

// reads wants labels in what is read of an object.
func (s *sweep) reads(one object, labels ...string) error {
	got, err := s.call(request{Method: "GET", Path: s.path(one)}, 200)
	if err != nil {
		return err
	}
	for _, l := range labels {
		if got.str("metadata.labels."+l) != "yes" {
			return fmt.Errorf("the label %s is not read back: %v", l, got["metadata"])
		}
	}
	return nil
}

func (s *sweep) remove() error {
	one, err := s.make()
	if err != nil {
		return err
	}
	w, err := s.follow(s.collection(), "fieldSelector=metadata.name%3D"+one.name())
	if err != nil {
		return err
	}
	defer w.close()
	if _, err := s.call(request{Method: "DELETE", Path: s.path(one)}, 200, 202); err != nil {
		return err
	}
	if err := w.deleted(one); err != nil {
		return err
	}
	return s.gone(one)
}

// gone waits until an object is not found; finalizers take their time.
func (s *sweep) gone(one object) error {
	for {
		a, err := do(s.ctx, request{Method: "GET", Path: s.path(one)})
		if err != nil {
			return fmt.Errorf("%s is not gone: %w", one.name(), err)
		}
		if a.Code == http.StatusNotFound {
			return nil
		}
		if err := a.err(200); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *sweep) removeCollection() error {
	var made []object
	for range 3 {
		one, err := s.make()
		if err != nil {
			return err
		}
		made = append(made, one)
	}
	if _, err := s.call(request{Method: "PATCH", Path: s.path(made[2]), Type: mergePatch, Body: `{"metadata":{"labels":{"sweep":"stays"}}}`}, 200); err != nil {
		return err
	}
	selector := "labelSelector=sweep%3D" + s.word
	if err := s.count(selector, 2); err != nil {
		return err
	}
	w, err := s.follow(s.collection(), selector)
	if err != nil {
		return err
	}
	defer w.close()
	if _, err := s.call(request{Method: "DELETE", Path: s.collection() + "?" + selector}, 200); err != nil {
		return err
	}
	if err := w.deleted(made[:2]...); err != nil {
		return err
	}
	for _, one := range made[:2] {
		if err := s.gone(one); err != nil {
			return err
		}
	}
	if err := s.count(selector, 0); err != nil {
		return err
	}
	_, err = s.call(request{Method: "GET", Path: s.path(made[2])}, 200)
	return err
}

// count wants so many objects in the list of all namespaces.
func (s *sweep) count(selector string, n int) error {
	got, err := s.call(request{Method: "GET", Path: s.place.Prefix + "/" + s.place.Plural + "?" + selector}, 200)
	if err != nil {
		return err
	}
	return want("what is listed by "+selector, len(got.list("items")), n)
}

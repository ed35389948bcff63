package customresource

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/discovery"
	"minke/apiserver/openapi"
	"minke/apiserver/webhook"
	"minke/store"
	"minke/store/cache"
	"minke/store/local"
)

// world is an API server with a manager of custom resources.
type world struct {
	testing.TB
	*apiserver.Server
	manager *Manager
}

func newWorld(t testing.TB) *world {
	st := local.OpenMemory()
	t.Cleanup(func() { _ = st.Close() })
	return newWorldOn(t, st)
}

func newWorldOn(t testing.TB, st store.Store) *world {
	t.Helper()
	builtIn := catalog.Resources()
	documents := discovery.New("127.0.0.1:6443", builtIn, nil)
	schemas := openapi.New("v1.37.0", openapi.Set{Resources: builtIn})
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var detector *cache.Detector
	if _, bench := t.(*testing.B); !bench {
		detector = cache.NewDetector()
	}
	s, err := apiserver.New(apiserver.Config{Detector: detector, Store: st, Resources: builtIn, Log: quiet, CBOR: true, Discovery: documents, OpenAPI: schemas,
		Authenticate: func(*http.Request) (*inprocess.User, error) { return &inprocess.User{Name: "tester"}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	m := New(Config{Server: s, BuiltIn: builtIn, Log: quiet, Calls: &webhook.Client{Services: webhook.Services{Reader: s}},
		Publish: func(custom []*api.Resource, of map[schema.GroupVersionKind]openapi.Schema) {
			all := append(append([]*api.Resource{}, builtIn...), custom...)
			documents.Set(all, nil)
			schemas.Set(openapi.Set{Resources: all, Custom: of})
		}})
	if err := m.Load(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		s.Close()
		if err := detector.Check(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, s, m}
}

func (w *world) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// must does a request that has to answer with code, and returns its JSON.
func (w *world) must(code int, method, path, body string, headers ...string) map[string]any {
	w.Helper()
	rec := w.do(method, path, body, headers...)
	if rec.Code != code {
		w.Fatalf("%s %s: got %d, want %d: %s", method, path, rec.Code, code, rec.Body)
	}
	var out map[string]any
	if rec.Code == http.StatusNotFound && rec.Body.String() == "404 page not found\n" {
		return nil // nobody serves the path
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.Fatalf("%s %s: %v: %s", method, path, err, rec.Body)
	}
	return out
}

func (w *world) want(got, want any, what string) {
	w.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		w.Errorf("%s: got %s, want %s", what, a, b)
	}
}

// get returns a nested value, nil when it is missing.
func get(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// define creates a definition and waits until it has the condition.
func (w *world) define(crd string) {
	w.Helper()
	made := w.must(201, "POST", crds, crd)
	w.await(get(made, "metadata", "name").(string), func(c *definition) bool { return established(c) })
}

// await follows the definition's events until done says so, or it is gone (nil).
func (w *world) await(name string, done func(*definition) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	all, revision, err := w.Snapshot(Definitions, "")
	if err != nil {
		w.Fatal(err)
	}
	var last *definition
	for obj := range all {
		if c := obj.(*definition); c.Name == name {
			last = c
		}
	}
	events, err := w.WatchShared(ctx, Definitions, "", revision)
	if err != nil {
		w.Fatal(err)
	}
	defer events.Stop()
	for {
		if done(last) {
			return
		}
		e, ok := <-events.ResultChan()
		if !ok {
			w.Fatalf("%s never came to be as awaited: %+v", name, last)
		}
		if c, ok := e.Object.(*definition); ok && c.Name == name {
			if last = c; e.Type == "DELETED" {
				last = nil
			}
		}
	}
}

// crd is the definition of widgets in example.com with versions as given.
func crd(versions ...string) string {
	return `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},"spec":{
		"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","shortNames":["wd"],"categories":["all"]},
		"versions":[` + strings.Join(versions, ",") + `]}}`
}

const widgetV1 = `{"name":"v1","served":true,"storage":true,
	"subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}},
	"selectableFields":[{"jsonPath":".spec.color"}],
	"additionalPrinterColumns":[
		{"name":"Replicas","type":"integer","jsonPath":".spec.replicas"},
		{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}],
	"schema":{"openAPIV3Schema":{"type":"object","properties":{
		"spec":{"type":"object","properties":{
			"replicas":{"type":"integer","default":1,"minimum":0,"maximum":10},
			"color":{"type":"string","enum":["red","blue"]},
			"note":{"type":"string","nullable":true},
			"port":{"x-kubernetes-int-or-string":true},
			"free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
			"template":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true},
			"tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
			"ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
				"items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"port":{"type":"integer"}}}},
			"min":{"type":"integer"},"max":{"type":"integer"},"fixed":{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"fixed cannot change"}]}},
			"x-kubernetes-validations":[{"rule":"!has(self.min) || !has(self.max) || self.min <= self.max","message":"min must not exceed max"}]},
		"status":{"type":"object","properties":{
			"replicas":{"type":"integer"},"selector":{"type":"string"},
			"conditions":{"type":"array","items":{"type":"object","properties":{"type":{"type":"string"},"status":{"type":"string"}}}}}}}}}}`

const widgets = "/apis/example.com/v1/namespaces/default/widgets"

func widget(name, spec string) string {
	return `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"` + name + `"},"spec":` + spec + `}`
}

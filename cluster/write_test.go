package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/util/wait"

	"minke/api/inprocess"
	"minke/apiserver/authz"
	"minke/cluster/options"
	"minke/cluster/pki"
	"minke/store"
	"minke/store/cache"
	"minke/store/etcd"
	"minke/store/local"
	"minke/test/peers"
)

// counted counts what requests ask of a store; what the server does of its own
// accord meanwhile is not theirs. Watches are free.
type counted struct {
	store.Store
	reads, writes atomic.Int64
}

// requested marks the contexts of requests.
type requested struct{}

func count(ctx context.Context, calls *atomic.Int64) {
	if ctx.Value(requested{}) != nil {
		calls.Add(1)
	}
}

func (c *counted) Get(ctx context.Context, key string) (*store.Entry, store.Revision, error) {
	count(ctx, &c.reads)
	return c.Store.Get(ctx, key)
}

func (c *counted) Range(ctx context.Context, r store.Range) (store.RangeResult, error) {
	count(ctx, &c.reads)
	return c.Store.Range(ctx, r)
}

func (c *counted) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	count(ctx, &c.writes)
	return c.Store.Txn(ctx, t)
}

// during returns how many reads and writes do makes.
func (c *counted) during(do func()) string {
	reads, writes := c.reads.Load(), c.writes.Load()
	do()
	return fmt.Sprintf("%d reads, %d writes", c.reads.Load()-reads, c.writes.Load()-writes)
}

// testServer is the API server with all its plug-ins and what follows objects
// for them, but no controllers.
type testServer struct {
	testing.TB
	*Server
}

func newTestServer(t testing.TB, st store.Store) *testServer {
	t.Helper()
	w := openTestServer(t, st, options.API{})
	w.must(201, "POST", "/api/v1/namespaces", `{"metadata":{"name":"shop"}}`)
	w.must(201, "POST", "/api/v1/namespaces/shop/serviceaccounts", `{"metadata":{"name":"default"}}`)
	w.must(201, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"metadata":{"name":"sorts.sale.example.com"},"spec":{
		"group":"sale.example.com","scope":"Namespaced","names":{"plural":"sorts","kind":"Sort"},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{
		"spec":{"type":"object","properties":{"size":{"type":"integer"},"names":{"type":"array","items":{"type":"string"}}}}}}}}]}}`)
	for w.do("GET", sorts[2].path, "").Code != 200 {
		<-w.custom.Changed()
	}
	return w
}

// openTestServer returns a server on what is in st.
func openTestServer(t testing.TB, st store.Store, options options.API) *testServer {
	t.Helper()
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var detector *cache.Detector
	if _, bench := t.(*testing.B); !bench {
		detector = cache.NewDetector()
	}
	s, err := prepare(ServerConfig{detector: detector, DataDir: t.TempDir(), PKI: ca, Address: netip.MustParseAddr("127.0.0.1"), Port: 6443,
		ServiceNet: netip.MustParsePrefix("10.96.0.0/16"), PodNet: netip.MustParsePrefix("10.244.0.0/16"), Domain: "cluster.local", API: options})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.on(ctx, st); err != nil {
		t.Fatal(err)
	}
	if err := s.custom.Load(); err != nil {
		t.Fatal(err)
	}
	if err := s.webhooks.Load(); err != nil {
		t.Fatal(err)
	}
	var running wait.Group
	aggregate := func(ctx context.Context) error { return s.aggregator.Run(ctx, s.routed.reach) }
	for _, run := range []func(context.Context) error{s.security.run, s.allocator.Run, s.custom.Run, s.webhooks.Run, aggregate} {
		running.Start(func() { _ = run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		s.api.Close()
		_ = st.Close()
		if err := detector.Check(); err != nil {
			t.Error(err)
		}
	})
	return &testServer{t, s}
}

// do makes a request as one from afar.
func (w *testServer) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	switch {
	case method == http.MethodPatch && strings.Contains(path, "fieldManager="):
		r.Header.Set("Content-Type", "application/apply-patch+yaml")
	case method == http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	default:
		r.Header.Set("Content-Type", "application/json")
	}
	ctx := context.WithValue(r.Context(), requested{}, true)
	ctx = inprocess.WithUser(ctx, &inprocess.User{Name: "ann", Groups: []string{authz.Masters}})
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r.WithContext(ctx))
	return rec
}

func (w *testServer) must(code int, method, path, body string) {
	w.Helper()
	if rec := w.do(method, path, body); rec.Code != code {
		w.Fatalf("%s %s: got %d, want %d: %s", method, path, rec.Code, code, rec.Body)
	}
}

// latest gives the body of an update of a custom resource the version that it
// must name.
func (w *testServer) latest(method, path, body string) string {
	path, _, _ = strings.Cut(path, "?")
	if method != http.MethodPut || !strings.Contains(path, "/sale.example.com/") {
		return body
	}
	var now struct {
		Metadata struct{ ResourceVersion string }
	}
	if rec := w.do("GET", path, ""); rec.Code != 200 {
		return body // what is not there has none
	} else if err := json.Unmarshal(rec.Body.Bytes(), &now); err != nil {
		w.Fatalf("GET %s: %v", path, err)
	}
	return strings.Replace(body, `"metadata":{`, `"metadata":{"resourceVersion":"`+now.Metadata.ResourceVersion+`",`, 1)
}

// sorts are the objects that are written, by the path of their resource.
var sorts = []struct{ name, path, head, body string }{
	{"ConfigMap", "/api/v1/namespaces/shop/configmaps", `"apiVersion":"v1","kind":"ConfigMap"`, `"data":{"a":"%s","b":"two"}`},
	{"Pod", "/api/v1/namespaces/shop/pods", `"apiVersion":"v1","kind":"Pod"`,
		`"spec":{"serviceAccountName":"default","automountServiceAccountToken":false,"containers":[{"name":"c","image":"registry/web:%s","resources":{"requests":{"cpu":"100m"}}}]}`},
	{"Custom", "/apis/sale.example.com/v1/namespaces/shop/sorts", `"apiVersion":"sale.example.com/v1","kind":"Sort"`, `"spec":{"size":%s,"names":["a","b"]}`},
}

// text is the object of one of sorts.
func text(head, body, name string, version int) string {
	return fmt.Sprintf(`{%s,"metadata":{"name":%q,"labels":{"app":"web"}},%s}`, head, name, fmt.Sprintf(body, fmt.Sprint(version)))
}

// TestRoundTrips holds that once what it needs is known here, a write costs one
// transaction and nothing else.
func TestRoundTrips(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	member := peers.StartEtcd(t)
	for _, c := range []struct {
		name string
		open func() (store.Store, error)
	}{
		{"etcd", func() (store.Store, error) {
			return etcd.Open(etcd.Options{Endpoints: []string{member.URL}, Root: options.StoreRoot, Prefix: options.StoreRoot})
		}},
		{"local", func() (store.Store, error) { return local.OpenMemory(), nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := c.open()
			if err != nil {
				t.Fatal(err)
			}
			calls := &counted{Store: st}
			w := newTestServer(t, calls)
			for _, s := range sorts {
				w.must(201, "POST", s.path, text(s.head, s.body, "first", 1))
				for _, step := range []struct {
					what, method, path, body string
					code                     int
				}{
					{"create", "POST", s.path, text(s.head, s.body, "a", 1), 201},
					{"update", "PUT", s.path + "/a", text(s.head, s.body, "a", 2), 200},
					{"patch", "PATCH", s.path + "/a", `{"metadata":{"labels":{"app":"x"}}}`, 200},
					{"apply", "PATCH", s.path + "/a?fieldManager=ann&force=true", `{` + s.head + `,"metadata":{"name":"a","labels":{"app":"y"}}}`, 200},
					{"delete", "DELETE", s.path + "/a?gracePeriodSeconds=0", ``, 200},
				} {
					body := w.latest(step.method, step.path, step.body)
					if got := calls.during(func() { w.must(step.code, step.method, step.path, body) }); got != "0 reads, 1 writes" {
						t.Errorf("%s a %s: %s", step.what, s.name, got)
					}
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, s := range sorts {
		b.Run(s.name+"/create", func(b *testing.B) {
			w := newTestServer(b, local.OpenMemory())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w.must(201, "POST", s.path, text(s.head, s.body, fmt.Sprint("n", i), 1))
			}
		})
		const apply = "?fieldManager=ann&force=true"
		for _, way := range []struct{ name, method, query, head, body string }{
			{"update", "PUT", "", s.head, s.body},
			{"patch", "PATCH", "", s.head, s.body},
			{"apply", "PATCH", apply, s.head, s.body},
			{"edit", "PATCH", "", s.head, s.body}, // what somebody else applied
		} {
			b.Run(s.name+"/"+way.name, func(b *testing.B) {
				w := newTestServer(b, local.OpenMemory())
				w.must(201, "POST", s.path, text(s.head, s.body, "a", 1))
				if way.name == "edit" {
					w.must(200, "PATCH", s.path+"/a"+apply, text(s.head, s.body, "a", 1))
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					path := s.path + "/a" + way.query
					w.must(200, way.method, path, w.latest(way.method, path, text(way.head, way.body, "a", i+2)))
				}
			})
		}
	}
}

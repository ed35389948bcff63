package apiserver

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/request"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

// tracedWorld is a server that traces to a collector. Whoever sends the header
// User is that user; "admin" is privileged, "nobody" unknown.
func tracedWorld(t *testing.T, perMillion int32, change ...func(*Config)) (*world, *tracingtest.Collector, func()) {
	t.Helper()
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, perMillion)
	w := newWorld(t, append([]func(*Config){func(c *Config) {
		c.Tracer, c.StoreName = tracer, "local"
		c.Authenticate = func(r *http.Request) (*inprocess.User, error) {
			switch name := r.Header.Get("User"); name {
			case "nobody":
				return nil, errors.New("who is that")
			case "admin":
				return &inprocess.User{Name: name, Groups: []string{"system:masters"}}, nil
			case "monitor":
				return &inprocess.User{Name: name, Groups: []string{"system:monitoring"}}, nil
			default:
				return &inprocess.User{Name: name, Groups: []string{"system:authenticated"}}, nil
			}
		}
		c.Authorize = func(context.Context, *inprocess.User, *request.Info) error { return nil }
	}}, change...)...)
	return w, collector, flush
}

const (
	traceOfClient = "0af7651916cd43dd8448eb211c80319c"
	spanOfClient  = "b7ad6b7169203331"
	parentHeader  = "00-" + traceOfClient + "-" + spanOfClient + "-01"
)

// TestTraceVerbs: each verb has its spans, below each other as they worked.
func TestTraceVerbs(t *testing.T) {
	w, collector, flush := tracedWorld(t, 1_000_000)
	const maps = "/api/v1/namespaces/default/configmaps"
	object := `{"metadata":{"name":"a"},"data":{"k":"v"}}`
	w.do("POST", maps, object, "User", "u", "User-Agent", "kubectl/v1")
	w.do("GET", maps+"/a", "")
	w.do("GET", maps, "")
	w.do("PUT", maps+"/a", strings.Replace(object, "v", "w", 1))
	w.do("PATCH", maps+"/a", `{"data":{"k":"x"}}`, "Content-Type", "application/merge-patch+json")
	w.do("DELETE", maps+"/a", "")
	w.do("GET", "/version", "")
	flush()

	item := "/api/v1/namespaces/{:namespace}/configmaps/{:name}"
	for _, c := range []struct{ root, handler, below, steps string }{
		{"POST /api/v1/namespaces/{:namespace}/configmaps", "Create", "Create local", "limitedReadBody succeeded,About to convert to expected version,Conversion done,About to check admission control,About to store object in database,Write to database call succeeded,About to write a response,Writing http response done"},
		{"GET " + item, "Get", "cacher.Get", "About to write a response,Writing http response done"},
		{"GET /api/v1/namespaces/{:namespace}/configmaps", "List", "cacher.GetList", "About to write a response,Writing http response done"},
		{"PUT " + item, "Update", "GuaranteedUpdate local", "limitedReadBody succeeded,About to convert to expected version,Conversion done,About to check admission control,About to store object in database,Write to database call succeeded,About to write a response,Writing http response done"},
		{"PATCH " + item, "Patch", "GuaranteedUpdate local", "limitedReadBody succeeded,About to apply patch,About to check admission control,About to store object in database,Write to database call succeeded,About to write a response,Writing http response done"},
		{"DELETE " + item, "Delete", "Delete local", "About to check admission control,About to store object in database,Write to database call succeeded,About to write a response,Writing http response done"},
	} {
		root, handler := collector.One(t, c.root), collector.One(t, c.handler)
		if root.Parent() != "" || root.Kind != otlp.Span_SPAN_KIND_SERVER || handler.Parent() != root.ID() || handler.Trace() != root.Trace() {
			t.Errorf("%s: %s has the parent %s, want %s", c.root, c.handler, handler.Parent(), root.ID())
		}
		for _, name := range []string{c.below, "SerializeObject"} {
			if !slices.ContainsFunc(collector.Named(name), func(s *tracingtest.Span) bool { return s.Parent() == handler.ID() }) {
				t.Errorf("%s: there is no %s below %s", c.root, name, c.handler)
			}
		}
		for _, name := range []string{"authentication", "authorization"} {
			if !slices.ContainsFunc(collector.Named(name), func(s *tracingtest.Span) bool { return s.Parent() == root.ID() }) {
				t.Errorf("%s: there is no %s", c.root, name)
			}
		}
		got := handler.Steps()
		got = slices.DeleteFunc(got, func(s string) bool { return c.handler == "Delete" && strings.HasPrefix(s, "limitedReadBody") })
		if steps := strings.Join(got, ","); steps != c.steps {
			t.Errorf("%s: the steps of %s are\n%s, want\n%s", c.root, c.handler, steps, c.steps)
		}
	}
	root := collector.One(t, "POST /api/v1/namespaces/{:namespace}/configmaps")
	for key, want := range map[string]string{
		"http.request.method": "POST", "url.path": maps, "http.target": maps, "http.response.status_code": "201", "url.scheme": "http",
		"user_agent.original": "kubectl/v1", "network.peer.address": "192.0.2.1", "server.address": "example.com", "network.protocol.version": "1.1",
	} {
		if got := root.Attr(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	create, stored := collector.One(t, "Create"), collector.One(t, "Create local")
	for key, want := range map[string]string{"api-version": "v1", "resource": "configmaps", "namespace": "default", "verb": "POST", "scope": "resource", "audit-id": root.Attr("audit-id")} {
		if got := create.Attr(key); got != want || want == "" {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if stored.Attr("key") != "/registry/configmaps/default/a" || strings.Join(stored.Steps(), ",") != "About to Encode,Encode succeeded,TransformToStorage succeeded,Txn call succeeded" {
		t.Errorf("the store's span has %v and %v", stored.Attributes, stored.Steps())
	}
	if os.Getenv(etcdVariable) != "" && !slices.ContainsFunc(collector.Named("etcdserverpb.KV/Txn"), func(s *tracingtest.Span) bool { return s.Parent() == stored.ID() }) {
		t.Error("etcd's transaction is not below the store's span")
	}
	if version := collector.One(t, "GET"); version.Attr("url.path") != "/version" {
		t.Errorf("a path that is no resource: %v", version.Attributes)
	}
}

// TestTraceWhoDecides: an unprivileged client cannot have its requests traced.
func TestTraceWhoDecides(t *testing.T) {
	for _, c := range []struct {
		user  string
		rate  int32
		sent  bool
		child bool
	}{
		{"admin", 0, true, true},
		{"monitor", 0, true, true},
		{"u", 0, false, false},
		{"nobody", 0, false, false},
		{"u", 1_000_000, true, false},
		{"nobody", 1_000_000, true, false},
	} {
		w, collector, flush := tracedWorld(t, c.rate)
		w.do("GET", "/api/v1/namespaces", "", "User", c.user, "Traceparent", parentHeader)
		flush()
		roots := collector.Named("GET /api/v1/namespaces")
		if (len(roots) == 1) != c.sent {
			t.Errorf("%s at %d: %d spans", c.user, c.rate, len(roots))
			continue
		}
		if !c.sent {
			if n := len(collector.Spans()); n > 0 {
				t.Errorf("%s at %d: %d other spans", c.user, c.rate, n)
			}
			continue
		}
		s := roots[0]
		if child := s.Trace() == traceOfClient && s.Parent() == spanOfClient; child != c.child || !child && len(s.Links) != 1 {
			t.Errorf("%s at %d: trace %s, parent %s, links %v", c.user, c.rate, s.Trace(), s.Parent(), s.Links)
		}
		if want := map[bool]string{true: "401", false: "200"}[c.user == "nobody"]; s.Attr("http.response.status_code") != want {
			t.Errorf("%s: the status is %s, want %s", c.user, s.Attr("http.response.status_code"), want)
		}
	}
}

// callsBack reads the namespace of what it admits, through the API in process.
type callsBack struct{ server **Server }

func (p callsBack) Admit(ctx context.Context, _ *admission.Attributes) error {
	r, err := http.NewRequestWithContext(inprocess.WithUser(ctx, &inprocess.User{Name: "self"}), "GET", "/api/v1/namespaces", nil)
	if err != nil {
		return err
	}
	var response inprocess.Response
	(*p.server).ServeHTTP(&response, r)
	return nil
}

// TestTraceInProcess: what a request makes this process ask the API is below it.
func TestTraceInProcess(t *testing.T) {
	var server *Server
	w, collector, flush := tracedWorld(t, 0, func(c *Config) { c.Admission = admission.Chain{callsBack{&server}} })
	server = w.Server
	w.do("POST", "/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"a"}}`, "User", "admin", "Traceparent", parentHeader)
	flush()
	create, inner := collector.One(t, "Create"), collector.One(t, "GET /api/v1/namespaces")
	if inner.Parent() != create.ID() || inner.Trace() != traceOfClient {
		t.Errorf("the inner request has the parent %s in %s, want %s", inner.Parent(), inner.Trace(), create.ID())
	}
}

// TestTraceWatch: the request's span lasts as long as the watch, that of the
// initial list does not.
func TestTraceWatch(t *testing.T) {
	w, collector, flush := tracedWorld(t, 1_000_000)
	w.do("POST", "/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"a"}}`)
	w.do("GET", "/api/v1/namespaces/default/configmaps?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1", "")
	flush()
	root, first := collector.One(t, "GET /api/v1/namespaces/{:namespace}/configmaps"), collector.One(t, "WatchList")
	if first.Parent() != root.ID() || first.EndTimeUnixNano >= root.EndTimeUnixNano {
		t.Errorf("WatchList ends at %d below %s, the watch at %d", first.EndTimeUnixNano, first.Parent(), root.EndTimeUnixNano)
	}
	if s := collector.One(t, "cacher.Watch"); s.Parent() != first.ID() {
		t.Errorf("cacher.Watch is below %s", s.Parent())
	}
}

// TestTraceFailures: an error of the server marks the span, one of the client
// does not; an action sees the span, and a panic ends it.
func TestTraceFailures(t *testing.T) {
	seen := make(chan string, 1)
	w, collector, flush := tracedWorld(t, 1_000_000, func(c *Config) {
		c.Actions = map[string]http.Handler{
			"pods/log": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				h := http.Header{}
				tracing.FromContext(r.Context()).Inject(h)
				seen <- h.Get("Traceparent")
			}),
			"pods/binding": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }),
		}
		for _, r := range c.Resources {
			if r.Plural == "pods" {
				r.Subresources["log"], r.Subresources["binding"] = r.Subresources["status"], r.Subresources["status"]
			}
		}
	})
	w.do("GET", pods+"/none", "")
	w.do("GET", pods+"/a/log", "")
	w.do("POST", pods+"/a/binding", "{}")
	flush()
	missing := collector.One(t, "GET /api/v1/namespaces/{:namespace}/pods/{:name}")
	if missing.Attr("http.response.status_code") != "404" || missing.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("404 is %v with status %v", missing.Attributes, missing.Status)
	}
	log := collector.One(t, "GET /api/v1/namespaces/{:namespace}/pods/{:name}/log")
	if want := "00-" + log.Trace() + "-" + log.ID() + "-01"; <-seen != want {
		t.Errorf("the action did not see %s", want)
	}
	failed := collector.One(t, "POST /api/v1/namespaces/{:namespace}/pods/{:name}/binding")
	if failed.Attr("http.response.status_code") != "500" || failed.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("a panic is %v with status %v", failed.Attributes, failed.Status)
	}
}

// TestTraceDirect: what an action writes is below its span.
func TestTraceDirect(t *testing.T) {
	w, collector, flush := tracedWorld(t, 1_000_000)
	ctx := w.cfg.Tracer.Serve(tracing.Arrival{Name: "action"}).Within(t.Context())
	obj := &corev1.ConfigMap{}
	obj.Name, obj.Namespace = "a", "default"
	if _, err := w.Create(ctx, schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, obj); err != nil {
		t.Fatal(err)
	}
	tracing.FromContext(ctx).End()
	flush()
	if action, s := collector.One(t, "action"), collector.One(t, "Create local"); s.Parent() != action.ID() {
		t.Errorf("the write is below %s, want %s", s.Parent(), action.ID())
	}
}

// BenchmarkGetTraced is BenchmarkGet with tracing: for requests that are not
// sampled, and for those that are. The collector is away.
func BenchmarkGetTraced(b *testing.B) {
	for name, rate := range map[string]int32{"none": 0, "all": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			tracer, err := tracing.New(tracing.Config{SamplingRatePerMillion: rate})
			if err != nil {
				b.Fatal(err)
			}
			w := newWorld(b, func(c *Config) { c.Tracer = tracer })
			benchRequest(b, w.Server, "POST", pods, benchPod("p"), 201)
			b.ReportAllocs()
			for b.Loop() {
				benchRequest(b, w.Server, "GET", pods+"/p", "", 200)
			}
		})
	}
}

package subresource

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/inprocess"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

// TestTraced: the kubelet is told whose child its spans are, whatever the client
// said.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	f := &fake{objs: map[string]runtime.Object{"pods/y/p": newPod("p", "n", corev1.PodRunning)}}
	k := kubeletServer(t, f)
	var mu sync.Mutex
	told := map[string]string{}
	inner := k.Config.Handler
	k.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		told[r.URL.Path] = r.Header.Get("Traceparent")
		mu.Unlock()
		inner.ServeHTTP(w, r)
	})
	s := f.server()
	s.Kubelet.TLS = tlsOf(k)
	for _, c := range []struct{ action, path, at, upgrade string }{
		{action: "pods/log", path: "/api/v1/namespaces/y/pods/p/log", at: "/containerLogs/y/p/c"},
		{action: "nodes/proxy", path: "/api/v1/nodes/n/proxy/healthz", at: "/healthz"},
		{action: "pods/exec", path: "/api/v1/namespaces/y/pods/p/exec?command=refuse", at: "/exec/y/p/c", upgrade: "SPDY/3.1"},
	} {
		root := tracer.Serve(tracing.Arrival{Name: c.action})
		handler := s.handlerAs(&inprocess.User{Name: "jane"}, c.action)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(root.Within(r.Context())))
		}))
		r, err := http.NewRequestWithContext(t.Context(), "GET", front.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		if c.upgrade != "" {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", c.upgrade)
		}
		answer, err := front.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		answer.Body.Close()
		front.Close()
		want := http.Header{}
		root.Inject(want)
		root.End()
		told[c.action] = told[c.at]
		if c.action != "pods/log" && told[c.at] != want.Get("Traceparent") {
			t.Errorf("%s: the kubelet was told %q, want %q", c.action, told[c.at], want.Get("Traceparent"))
		}
	}
	flush()
	call := collector.One(t, "HTTP GET")
	if call.Parent() != collector.One(t, "pods/log").ID() || told["pods/log"] != "00-"+call.Trace()+"-"+call.ID()+"-01" || call.Attr("http.response.status_code") != "200" {
		t.Errorf("pods/log: the kubelet was told %q by %v", told["pods/log"], call)
	}
}

package aggregate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"minke/tracing"
	"minke/tracing/tracingtest"
)

// TestTraced: the server behind is told whose child its spans are.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	w := newWorld(t, anywhere)
	w.register("Passed")
	root := tracer.Serve(tracing.Arrival{Name: "POST"})
	ask := func(path string, header http.Header) string {
		r := httptest.NewRequest("POST", path, strings.NewReader("{}"))
		for name, values := range header {
			r.Header[name] = values
		}
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		w.ServeHTTP(httptest.NewRecorder(), r.WithContext(root.Within(r.Context())))
		return (<-w.got).Header.Get("Traceparent")
	}
	passed := ask("/apis/back.example.com/v1/echo", nil)
	upgraded := ask("/apis/back.example.com/v1/echo", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"x"}})
	want := http.Header{}
	root.Inject(want)
	flush()
	call := collector.One(t, "HTTP POST")
	if passed != "00-"+call.Trace()+"-"+call.ID()+"-01" || !strings.HasSuffix(call.Attr("url.full"), ".svc:443/apis/back.example.com/v1/echo") || call.Attr("http.response.status_code") != "200" {
		t.Errorf("the server behind was told %q by %v", passed, call)
	}
	if upgraded != want.Get("Traceparent") {
		t.Errorf("the server behind was told %q in an upgrade, want %q", upgraded, want.Get("Traceparent"))
	}
}

package server

import (
	"io"
	"net/http"
	"testing"

	"minke/tracing/tracingtest"
)

// TestTraced: a request is a span of its route, the child of whom the API server
// names; one that is refused is none.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 0)
	s := serve(t, func(c *Config) { c.Tracer = tracer })
	for _, who := range []string{"api", "stranger"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/containerLogs/ns/p/web?tailLines=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
		c := s.client(t, who)
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		// The span ends after the answer. The next request of the same connection waits
		// for that.
		get(t, c, s.url+"/healthz")
		if (answer.StatusCode == http.StatusOK) != (who == "api") {
			t.Errorf("%s: %s", who, answer.Status)
		}
	}
	flush()
	span := collector.One(t, "/containerLogs/{namespace}/{pod}/{container}")
	if span.Trace() != "0123456789abcdef0123456789abcdef" || span.Parent() != "0123456789abcdef" || span.Attr("url.path") != "/containerLogs/ns/p/web" || span.Attr("http.request.method") != "GET" {
		t.Errorf("the span is %v", span)
	}
}

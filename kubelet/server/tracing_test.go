package server

import (
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
		answer, err := s.client(t, who).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
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

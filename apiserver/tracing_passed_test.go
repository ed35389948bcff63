package apiserver

import (
	"context"
	"maps"
	"net/http"
	"testing"

	"minke/apiserver/admission"
	"minke/tracing"
)

// tellsWhom notes what a call of a webhook would say of traces.
type tellsWhom struct{ told *http.Header }

func (p tellsWhom) Admit(ctx context.Context, _ *admission.Attributes) error {
	h := http.Header{}
	tracing.FromContext(ctx).Inject(h)
	*p.told = h
	return nil
}

// TestTracePassed: a server that traces nothing hands on what its clients say of
// traces, whoever they are, and nothing of its own.
func TestTracePassed(t *testing.T) {
	const unsampled = "00-" + traceOfClient + "-" + spanOfClient + "-00"
	var told http.Header
	w := newWorld(t, func(c *Config) { c.Admission = admission.Chain{tellsWhom{&told}} })
	for _, c := range []struct{ sent, want http.Header }{
		{nil, http.Header{}},
		{http.Header{"Traceparent": {parentHeader}}, http.Header{"Traceparent": {parentHeader}}},
		{http.Header{"Traceparent": {unsampled}, "Tracestate": {"a=1"}, "Baggage": {"k=v"}}, http.Header{"Traceparent": {unsampled}, "Tracestate": {"a=1"}, "Baggage": {"k=v"}}},
		{http.Header{"Baggage": {"k=v"}}, http.Header{"Baggage": {"k=v"}}},
		{http.Header{"Traceparent": {"00-nothing"}, "Tracestate": {"a=1"}}, http.Header{}},
	} {
		var header []string
		for name, values := range c.sent {
			header = append(header, name, values[0])
		}
		told = nil
		if got := w.do("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", `{"metadata":{"name":"a"}}`, header...); got.Code != 201 {
			t.Fatalf("%v: %d %s", c.sent, got.Code, got.Body)
		}
		if !maps.EqualFunc(told, c.want, func(a, b []string) bool { return len(a) == 1 && len(b) == 1 && a[0] == b[0] }) {
			t.Errorf("of %v was told %v, want %v", c.sent, told, c.want)
		}
	}
}

package webhooks

import (
	"net/http"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"minke/tracing"
	"minke/tracing/tracingtest"
)

// TestTraced: each call is a span, with the HTTP request below it, and the
// webhook is told of that.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	s := newServer(t)
	told := map[string]string{}
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		told[r.URL.Path] = r.Header.Get("Traceparent")
		s.mu.Unlock()
		inner.ServeHTTP(w, r)
	})
	s.on("/m", func(r *admissionv1.AdmissionReview) {
		allow(r)
		r.Response.Patch, r.Response.PatchType = []byte(`[{"op":"add","path":"/data","value":{"a":"b"}}]`), pointer(admissionv1.PatchTypeJSONPatch)
	})
	s.on("/v", allow)
	w := load(t, mutatingOf("mutators", s.mutating("/m", nil)), validatingOf("validators", s.validating("/v", nil)), validatingOf("gone", s.validating("/none", nil)))
	root := tracer.Serve(tracing.Arrival{Name: "POST"})
	a := newMap(nil)
	ctx := root.Within(t.Context())
	if err := w.Mutating.Admit(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := w.Validating.Validate(ctx, a); err == nil {
		t.Fatal("a webhook that is not there has let it pass")
	}
	root.End()
	flush()

	m := collector.One(t, "Call mutating webhook")
	if m.Parent() != collector.One(t, "POST").ID() || m.Attr("configuration") != "mutators" || m.Attr("webhook") != "m.example.com" ||
		m.Attr("operation") != "CREATE" || m.Attr("resource") != "/v1, Resource=configmaps" || m.Attr("UID") == "" || strings.Join(m.Steps(), ",") != "Request completed" {
		t.Errorf("the span of the mutating webhook is %v", m)
	}
	if steps := strings.Join(collector.One(t, "POST").Steps(), ","); steps != "Patch applied" {
		t.Errorf("the request's steps are %s", steps)
	}
	calls := map[string]*tracingtest.Span{}
	for _, c := range collector.Named("HTTP POST") {
		calls[c.Parent()] = c
	}
	for _, admit := range append(collector.Named("Call validating webhook"), m) {
		path := "/" + strings.TrimSuffix(admit.Attr("webhook"), ".example.com")
		call := calls[admit.ID()]
		if call == nil || told[path] != "00-"+call.Trace()+"-"+call.ID()+"-01" || !strings.Contains(call.Attr("url.full"), path) {
			t.Errorf("%s was told %q of %v", path, told[path], call)
			continue
		}
		if want := map[bool]string{true: "404", false: "200"}[path == "/none"]; call.Attr("http.response.status_code") != want || (admit.Status.GetMessage() != "") != (path == "/none") {
			t.Errorf("%s: %v, %v", path, call.Attributes, admit.Status)
		}
	}
	if len(calls) != 3 {
		t.Errorf("%d calls, want 3", len(calls))
	}
}

// TestUntraced: a request that nobody traces tells webhooks nothing.
func TestUntraced(t *testing.T) {
	s := newServer(t)
	told := "-"
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Traceparent")
		inner.ServeHTTP(w, r)
	})
	s.on("/v", allow)
	if err := load(t, validatingOf("validators", s.validating("/v", nil))).run(t, newMap(nil)); err != nil || told != "" {
		t.Errorf("the webhook was told %q (%v)", told, err)
	}
}

package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.opentelemetry.io/proto/otlp/trace/v1"

	"minke/tracing"
	"minke/tracing/tracingtest"
)

func TestSpan(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	began := time.Now().Add(-time.Hour)
	root := tracer.Serve(tracing.Arrival{Name: "GET \xff/api", Began: began})
	root.Set(tracing.String("text", "a\xffb"), tracing.Int("number", -5), tracing.Bool("yes", true), tracing.Bool("no", false))
	root.Set(tracing.String("long", strings.Repeat("é", 600)))
	ctx, child := tracing.Start(root.Within(t.Context()), "Create", tracing.String("k", "v"))
	child.Event("one", tracing.Int("len", 3))
	child.Event("two")
	_, grandchild := tracing.Start(ctx, "Create etcd3")
	grandchild.Fail(nil)
	grandchild.Fail(errors.New("no \xfe space"))
	grandchild.End()
	grandchild.End()
	child.End()
	child.Event("too late")
	call := root.Call("HTTP GET")
	call.End()
	root.End()
	flush()

	if n := len(collector.Spans()); n != 4 {
		t.Fatalf("%d spans, want 4", n)
	}
	r, c, g, o := collector.One(t, "GET \uFFFD/api"), collector.One(t, "Create"), collector.One(t, "Create etcd3"), collector.One(t, "HTTP GET")
	if r.Parent() != "" || c.Parent() != r.ID() || g.Parent() != c.ID() || o.Parent() != r.ID() {
		t.Errorf("parents are %q %q %q %q", r.Parent(), c.Parent(), g.Parent(), o.Parent())
	}
	for _, s := range collector.Spans() {
		if s.Trace() != r.Trace() || s.EndTimeUnixNano < s.StartTimeUnixNano || s.Resource["service.name"] != "apiserver" || s.Resource["service.instance.id"] != "test" || s.Flags&0x101 != 0x101 {
			t.Errorf("%s: trace %s, from %d to %d, %v, flags %x", s.Name, s.Trace(), s.StartTimeUnixNano, s.EndTimeUnixNano, s.Resource, s.Flags)
		}
	}
	if r.Kind != v1.Span_SPAN_KIND_SERVER || c.Kind != v1.Span_SPAN_KIND_INTERNAL || o.Kind != v1.Span_SPAN_KIND_CLIENT {
		t.Errorf("kinds are %v %v %v", r.Kind, c.Kind, o.Kind)
	}
	if r.StartTimeUnixNano != uint64(began.UnixNano()) {
		t.Errorf("the root began at %d, want %d", r.StartTimeUnixNano, began.UnixNano())
	}
	if r.Attr("text") != "a\uFFFDb" || r.Attr("number") != "-5" || r.Attr("yes") != "true" || r.Attr("no") != "false" || r.Attr("long") != strings.Repeat("é", 512) {
		t.Errorf("attributes are %v", r.Attributes)
	}
	if steps := strings.Join(c.Steps(), ","); steps != "one,two" || c.Events[0].Attributes[0].Key != "len" || c.Events[1].TimeUnixNano < c.StartTimeUnixNano {
		t.Errorf("events are %v", c.Events)
	}
	if g.Status.GetCode() != v1.Status_STATUS_CODE_ERROR || g.Status.GetMessage() != "no \uFFFD space" || c.Status.GetCode() != v1.Status_STATUS_CODE_UNSET {
		t.Errorf("status is %v and %v", g.Status, c.Status)
	}
}

// TestSpanIsBounded: what a span cannot hold is counted.
func TestSpanIsBounded(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	span := tracer.Serve(tracing.Arrival{Name: "GET"})
	long := strings.Repeat("x", 2000)
	for range 100 {
		span.Event("step", tracing.String("long", long))
		span.Set(tracing.String("long", long))
		span.Fail(errors.New(long))
	}
	span.End()
	flush()
	got := collector.One(t, "GET")
	if n := len(got.Events); n == 0 || uint32(n)+got.DroppedEventsCount != 100 {
		t.Errorf("%d events and %d dropped, want 100 together", n, got.DroppedEventsCount)
	}
}

// TestRejected: a collector that refuses some spans says so, and they count as
// lost.
func TestRejected(t *testing.T) {
	collector := tracingtest.New(t)
	collector.Answer = func(*collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
		return &collectorv1.ExportTraceServiceResponse{PartialSuccess: &collectorv1.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "too many"}}, nil
	}
	tracer, flush := collector.Tracer(t, 1_000_000)
	for range 5 {
		tracer.Serve(tracing.Arrival{Name: "GET"}).End()
	}
	flush()
	expect(t, tracer, map[string]float64{
		`otel_sdk_processor_span_processed_total`: 5, `otel_sdk_processor_span_processed_total/queue_full`: 0,
		`otel_sdk_exporter_span_exported_total`: 3, `otel_sdk_exporter_span_exported_total/rejected`: 2,
		`otel_sdk_processor_span_queue_size`: 0,
	})
}

// TestOffCostsNothing: without a span nothing is allocated, whatever is told.
func TestOffCostsNothing(t *testing.T) {
	ctx := context.WithValue(t.Context(), struct{ int }{1}, 1)
	resource, n := strings.Clone("pods"), len(t.Name())
	if allocs := testing.AllocsPerRun(100, func() { off(ctx, resource, n, nil) }); allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func off(ctx context.Context, resource string, n int, h http.Header) {
	ctx, span := tracing.Start(ctx, "Create", tracing.String("resource", resource), tracing.Int("n", n))
	span.Event("About to store object in database")
	span.Event("Write to database call succeeded", tracing.Int("len", n))
	span.Set(tracing.String("resource", resource))
	span.Child("x", tracing.String("resource", resource)).End()
	span.Fail(nil)
	span.Inject(h)
	_ = span.Within(ctx)
	span.End()
}

func BenchmarkOff(b *testing.B) {
	b.ReportAllocs()
	ctx := b.Context()
	for b.Loop() {
		off(ctx, "pods", 1, nil)
	}
}

func BenchmarkOn(b *testing.B) {
	b.ReportAllocs()
	tracer, err := tracing.New(tracing.Config{SamplingRatePerMillion: 1_000_000})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		root := tracer.Serve(tracing.Arrival{Name: "GET"})
		off(root.Within(b.Context()), "pods", 1, http.Header{})
		root.End()
	}
}

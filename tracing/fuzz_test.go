package tracing

import (
	"net/http"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// FuzzParent: whatever a client sends, what is handed on is a traceparent of
// version 00 and text that may stand in a header.
func FuzzParent(f *testing.F) {
	for _, parent := range []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", ""} {
		f.Add(parent, "a=b,c=d", "k=v;p=q")
	}
	tracer, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, parent, state, baggage string) {
		h := http.Header{headerParent: {parent}, headerState: {state}, headerBaggage: {baggage}}
		out := http.Header{}
		tracer.Serve(Arrival{Name: "GET", Header: h, Trusted: true}).Inject(out)
		var told Parent
		if text := out.Get(headerParent); !told.parse(text) || !strings.HasPrefix(text, "00-") || len(text) != 55 {
			t.Errorf("%q is handed on as %q", parent, text)
		}
		var given Parent
		if given.parse(parent) && (given.Trace != told.Trace || given.Sampled != told.Sampled || given.Span == told.Span) {
			t.Errorf("%q is handed on as %q", parent, out.Get(headerParent))
		}
		for name, values := range out {
			for i := range len(values[0]) {
				if b := values[0][i]; b < ' ' && b != '\t' || b > '~' {
					t.Errorf("%s is %q", name, values[0])
				}
			}
		}
	})
}

// FuzzSpan: whatever a request holds, a collector can read the span.
func FuzzSpan(f *testing.F) {
	f.Add("GET", "key", "value", "event", 5)
	f.Add("\xff", "", "\xf0\x9f", strings.Repeat("é", 2000), -1)
	tracer, err := New(Config{SamplingRatePerMillion: million})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, key, value, event string, n int) {
		s := tracer.Serve(Arrival{Name: name})
		s.Set(String("key", value), Int("n", n), Bool("b", n > 0))
		s.Event("event", String("key", event))
		s.Child(value, String("key", name)).End()
		s.End()
		batch := tracer.queue.take()
		var request collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(tracer.request(batch), &request); err != nil {
			t.Fatal(err)
		}
		spans := request.ResourceSpans[0].ScopeSpans[0].Spans
		if len(spans) != 2 || spans[0].Name != clean(value) || spans[1].Name != clean(name) || spans[1].Kind != otlp.Span_SPAN_KIND_SERVER ||
			spans[1].Attributes[0].Value.GetStringValue() != clean(value) || spans[1].Attributes[1].Value.GetIntValue() != int64(n) {
			t.Errorf("the collector reads %v", spans)
		}
		for _, s := range spans {
			if len(s.ProtoReflect().GetUnknown()) > 0 {
				t.Errorf("%v has fields that nobody knows", s)
			}
		}
	})
}

// FuzzRejection: a collector can answer what it likes.
func FuzzRejection(f *testing.F) {
	good, err := proto.Marshal(&collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "no"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, answer []byte) {
		n, why := rejection(answer)
		var known collector.ExportTraceServiceResponse
		if n < 0 || n > maxBatch || len(why) > 800 {
			t.Errorf("%d spans are rejected: %q", n, why)
		}
		if proto.Unmarshal(answer, &known) == nil && len(known.ProtoReflect().GetUnknown()) == 0 && known.PartialSuccess == nil && (n > 0 || why != "") {
			t.Errorf("%d spans are rejected: %q", n, why)
		}
	})
}

package tracing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"minke/tracing"
	"minke/tracing/tracingtest"
)

const (
	trace  = "0af7651916cd43dd8448eb211c80319c"
	parent = "b7ad6b7169203331"
)

// TestServe: whose word counts for what.
func TestServe(t *testing.T) {
	const all, none = 1_000_000, 0
	for _, c := range []struct {
		name    string
		header  string
		trusted bool
		rate    int32
		// sent: the span is sampled; child: in the trace of the header; link: it names it.
		sent, child, link bool
	}{
		{name: "no parent, all are sampled", rate: all, sent: true},
		{name: "no parent, none is", rate: none},
		{name: "a parent that is sampled", header: "00-" + trace + "-" + parent + "-01", trusted: true, rate: none, sent: true, child: true},
		{name: "a parent that is not", header: "00-" + trace + "-" + parent + "-00", trusted: true, rate: all},
		{name: "further flags", header: "00-" + trace + "-" + parent + "-ff", trusted: true, rate: none, sent: true, child: true},
		{name: "a later version", header: "01-" + trace + "-" + parent + "-01-more", trusted: true, rate: none, sent: true, child: true},
		{name: "a stranger's parent", header: "00-" + trace + "-" + parent + "-01", rate: all, sent: true, link: true},
		{name: "a stranger's parent does not sample", header: "00-" + trace + "-" + parent + "-01", rate: none},
		{name: "no version ff", header: "ff-" + trace + "-" + parent + "-01", trusted: true, rate: all, sent: true},
		{name: "capital letters", header: "00-" + strings.ToUpper(trace) + "-" + parent + "-01", trusted: true, rate: all, sent: true},
		{name: "no trace", header: "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", trusted: true, rate: all, sent: true},
		{name: "no span", header: "00-" + trace + "-" + strings.Repeat("0", 16) + "-01", trusted: true, rate: all, sent: true},
		{name: "too long", header: "00-" + trace + "-" + parent + "-01-", trusted: true, rate: all, sent: true},
		{name: "too short", header: "00-" + trace + "-" + parent + "-0", trusted: true, rate: all, sent: true},
		{name: "no text", header: "\x00", trusted: true, rate: all, sent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			collector := tracingtest.New(t)
			tracer, flush := collector.Tracer(t, c.rate)
			h := http.Header{"Tracestate": {"a=b", "c=d"}, "Baggage": {"k=v"}}
			if c.header != "" {
				h.Set("Traceparent", c.header)
			}
			span := tracer.Serve(tracing.Arrival{Name: "GET", Began: time.Now(), Header: h, Trusted: c.trusted})
			out := http.Header{"Traceparent": {"old"}}
			span.Inject(out)
			span.End()
			flush()
			if sent := len(collector.Spans()) == 1; sent != c.sent || span.Recording() != c.sent {
				t.Fatalf("sent %v, recording %v, want %v", sent, span.Recording(), c.sent)
			}
			told := out.Get("Traceparent")
			if out.Get("Baggage") != "k=v" {
				t.Errorf("baggage is %q", out.Get("Baggage"))
			}
			if !c.sent {
				if !strings.HasPrefix(told, "00-") || !strings.HasSuffix(told, "-00") {
					t.Errorf("others are told %q, want that it is not sampled", told)
				}
				return
			}
			got := collector.One(t, "GET")
			if told != "00-"+got.Trace()+"-"+got.ID()+"-01" {
				t.Errorf("others are told %q of span %s of %s", told, got.ID(), got.Trace())
			}
			if child := got.Trace() == trace && got.Parent() == parent && got.TraceState == "a=b,c=d" && out.Get("Tracestate") == "a=b,c=d"; child != c.child {
				t.Errorf("child of %s in %s with %q", got.Parent(), got.Trace(), got.TraceState)
			}
			if link := len(got.Links) == 1 && string(got.Links[0].TraceState) == "a=b,c=d"; link != c.link {
				t.Errorf("links %v", got.Links)
			}
			if !c.child && (got.Parent() != "" || got.Trace() == trace) {
				t.Errorf("a root has the parent %s in trace %s", got.Parent(), got.Trace())
			}
		})
	}
}

// TestHeaders: what is handed on is bounded, and two parents are none.
func TestHeaders(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, _ := collector.Tracer(t, 0)
	text := "00-" + trace + "-" + parent + "-01"
	for name, c := range map[string]struct {
		header         http.Header
		recorded       bool
		state, baggage string
	}{
		"one":          {header: http.Header{"Traceparent": {text}}, recorded: true},
		"two":          {header: http.Header{"Traceparent": {text, text}}},
		"long state":   {header: http.Header{"Traceparent": {text}, "Tracestate": {strings.Repeat("a", 513)}}, recorded: true},
		"long baggage": {header: http.Header{"Traceparent": {text}, "Baggage": {strings.Repeat("a", 8193)}}, recorded: true},
		"odd state":    {header: http.Header{"Traceparent": {text}, "Tracestate": {"a=\xff"}, "Baggage": {"a=b"}}, recorded: true, baggage: "a=b"},
	} {
		span := tracer.Serve(tracing.Arrival{Header: c.header, Trusted: true})
		lower := map[string]string{}
		span.InjectTo(func(name, value string) { lower[name] = value })
		if span.Recording() != c.recorded || lower["tracestate"] != c.state || lower["baggage"] != c.baggage || len(lower["traceparent"]) != 55 {
			t.Errorf("%s: recorded %v, told %v", name, span.Recording(), lower)
		}
	}
}

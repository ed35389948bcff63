// Package tracingtest is an OpenTelemetry collector for tests: it decodes what it
// is sent with the published protocol's own types.
package tracingtest

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"minke/tracing"
)

// Span is a span as it arrived.
type Span struct {
	*otlp.Span
	// Resource is that of the process which sent it.
	Resource map[string]string
}

// Attr returns an attribute as text, or "".
func (s *Span) Attr(key string) string { return texts(s.Attributes)[key] }

// Trace, ID and Parent are in hexadecimal digits.
func (s *Span) Trace() string  { return hex.EncodeToString(s.TraceId) }
func (s *Span) ID() string     { return hex.EncodeToString(s.SpanId) }
func (s *Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Steps are the names of the span's events.
func (s *Span) Steps() []string {
	var names []string
	for _, e := range s.Events {
		names = append(names, e.Name)
	}
	return names
}

func texts(all []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range all {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[a.Key] = strconv.FormatInt(v.IntValue, 10)
		case *common.AnyValue_BoolValue:
			out[a.Key] = strconv.FormatBool(v.BoolValue)
		}
	}
	return out
}

// Collector is a collector.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	// Endpoint is where it listens.
	Endpoint string
	// Answer, if set before spans come, makes what the collector answers.
	Answer func(*collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error)

	arrived chan struct{} // tells that spans may have come

	mu    sync.Mutex // guards what follows
	spans []*Span
	calls int
	// headers are those of the last call.
	headers metadata.MD
}

// New starts a collector on the loopback that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	return Listen(t, "tcp", "127.0.0.1:0")
}

// Listen starts a collector at an address, such as a unix socket.
func Listen(t testing.TB, network, address string, options ...grpc.ServerOption) *Collector {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{Endpoint: listener.Addr().String(), arrived: make(chan struct{}, 1)}
	server := grpc.NewServer(options...)
	collector.RegisterTraceServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		// A test may end before its collector has begun.
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serve as a collector: %v", err)
		}
	})
	return c
}

// Export implements the service.
func (c *Collector) Export(ctx context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		select {
		case c.arrived <- struct{}{}:
		default: // one is enough
		}
	}()
	c.calls++
	c.headers, _ = metadata.FromIncomingContext(ctx)
	if c.Answer != nil {
		return c.Answer(r)
	}
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans = append(c.spans, &Span{Span: s, Resource: texts(rs.Resource.GetAttributes())})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// Calls returns how often it was called.
func (c *Collector) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Header returns a header of the last call.
func (c *Collector) Header(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.headers.Get(name), ",")
}

// Spans returns what has come.
func (c *Collector) Spans() []*Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans
}

// Named returns the spans of a name.
func (c *Collector) Named(name string) (found []*Span) {
	for _, s := range c.Spans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// Await returns a span of a name that another process sends.
func (c *Collector) Await(t testing.TB, name string) *Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if found := c.Named(name); len(found) > 0 {
			return found[0]
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
			t.Fatalf("a span %q did not come", name)
		}
	}
}

// One returns the span of a name, which must be the only one.
func (c *Collector) One(t testing.TB, name string) *Span {
	t.Helper()
	found := c.Named(name)
	if len(found) != 1 {
		var names []string
		for _, s := range c.Spans() {
			names = append(names, s.Name)
		}
		t.Fatalf("%d spans %q, want one; there are %q", len(found), name, names)
	}
	return found[0]
}

// Tracer returns a tracer that sends to the collector, and what ends it once all
// is sent.
func (c *Collector) Tracer(t testing.TB, perMillion int32) (*tracing.Tracer, func()) {
	t.Helper()
	tracer, err := tracing.New(tracing.Config{
		Endpoint: c.Endpoint, SamplingRatePerMillion: perMillion, Service: "apiserver", Instance: "test", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tracer.Run(ctx) }()
	flush := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("send spans: %v", err)
		}
	})
	t.Cleanup(flush)
	return tracer, flush
}

package tracing

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says what is traced, and who is told.
type Config struct {
	// Endpoint is the collector's address in gRPC's terms, such as host:4317 or
	// unix:///run/otlp.sock; empty means that of the Environment, or DefaultEndpoint.
	// The connection is not encrypted unless the Environment has certificates.
	Endpoint string
	// SamplingRatePerMillion is how many of a million requests without a sampled
	// parent are traced.
	SamplingRatePerMillion int32
	// Service, Instance and Host are the resource's service.name,
	// service.instance.id and host.name; those that are empty are left out.
	Service, Instance, Host string
	// Dial connects to a collector at "host:port"; nil for the usual way, which is
	// also the one to a socket.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	Log  *slog.Logger
	// Environment adds to all this, where nothing is said here; nil for nothing.
	Environment *Environment
}

// DefaultEndpoint is where a collector is on the same machine.
const DefaultEndpoint = "localhost:4317"

// million is the rate at which every request is traced.
const million = 1_000_000

// Validate returns what is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.SamplingRatePerMillion < 0 {
		errs = append(errs, fmt.Errorf("samplingRatePerMillion: Invalid value: %d: sampling rate must be positive", c.SamplingRatePerMillion))
	}
	if c.SamplingRatePerMillion > million {
		errs = append(errs, fmt.Errorf("samplingRatePerMillion: Invalid value: %d: sampling rate per million must be less than or equal to one million", c.SamplingRatePerMillion))
	}
	endpoint := c.Endpoint
	if !strings.Contains(endpoint, "//") {
		endpoint = "dns://" + endpoint
	}
	switch u, err := url.Parse(endpoint); {
	case err != nil:
		errs = append(errs, fmt.Errorf("endpoint: Invalid value: %q: %w", endpoint, err))
	case u.Scheme != "dns" && u.Scheme != "unix" && u.Scheme != "unix-abstract":
		errs = append(errs, fmt.Errorf("endpoint: Invalid value: %q: unsupported scheme: %s. Options are none, dns, unix, or unix-abstract", endpoint, u.Scheme))
	}
	return errors.Join(errs...)
}

// Tracer decides which requests are traced. Run sends what they record.
type Tracer struct {
	// below is the bound of trace ids that are sampled; see sampled.
	below uint64
	queue queue
	exporter
}

// New returns a tracer. It connects to the collector when there is something to
// send.
func New(c Config) (*Tracer, error) {
	if c.Environment == nil {
		c.Environment = &Environment{}
	}
	if c.Endpoint == "" {
		c.Endpoint = c.Environment.Endpoint
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Tracer{below: bound(c.SamplingRatePerMillion), queue: queue{wake: make(chan struct{}, 1)}}
	if err := t.exporter.open(c); err != nil {
		return nil, err
	}
	used.Store(true)
	return t, nil
}

// bound is what the ids of that many of a million traces are below.
func bound(rate int32) uint64 {
	if rate == million {
		return 1 << 63
	}
	return uint64(rate) * (1 << 63 / million)
}

// sampled decides by the trace's id, as OpenTelemetry's TraceIDRatioBased does:
// so all who sample at the same rate choose the same traces.
func (t *Tracer) sampled(id [16]byte) bool { return binary.BigEndian.Uint64(id[8:])>>1 < t.below }

// Arrival is a request that a span is to be made of.
type Arrival struct {
	Name  string
	Began time.Time
	// Header is the request's.
	Header http.Header
	// Trusted lets the traceparent in Header decide: the span becomes its child,
	// sampled as it is. Of others the span only bears a link.
	Trusted bool
	// Above, if set, is the span in this process that the request came from. It
	// goes before what Header says.
	Above *Span
}

// Begin begins a span that nothing is above: work that this process does of its own
// accord. The rate decides whether it is sampled. A nil tracer has none.
func (t *Tracer) Begin(name string, attributes ...Attribute) *Span {
	if t == nil {
		return nil
	}
	s := &Span{tracer: t}
	t.root(s)
	s.begin(time.Time{}, Internal, name)
	if s.recorded {
		cleanAll(attributes)
		s.fields = appendFlags(s.fields, flagSampled|flagKnown)
		s.fields = appendAttributes(s.fields, spanAttributes, attributes)
	}
	return s
}

// root gives s a trace of its own.
func (t *Tracer) root(s *Span) {
	for s.trace == [16]byte{} {
		binary.BigEndian.PutUint64(s.trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(s.trace[8:], rand.Uint64())
	}
	s.recorded = t.sampled(s.trace)
}

// Serve begins the span of a request that this process serves. Without a parent
// whose word counts, the rate decides whether it is sampled. A span that is not
// records nothing, but tells other processes so.
func (t *Tracer) Serve(a Arrival) *Span {
	if a.Above != nil {
		return a.Above.ChildAt(a.Began, Server, a.Name)
	}
	parent, ok := parentOf(a.Header)
	s := &Span{tracer: t, baggage: joined(a.Header[headerBaggage], maxBaggage)}
	if ok && a.Trusted {
		s.trace, s.state, s.recorded = parent.Trace, parent.State, parent.Sampled
	} else {
		t.root(s)
	}
	s.begin(a.Began, Server, a.Name)
	switch {
	case !s.recorded:
	case ok && a.Trusted:
		s.fields = appendFlags(appendBytes(s.fields, spanParent, parent.Span[:]), parent.flags())
	default:
		s.fields = appendFlags(s.fields, flagSampled|flagKnown)
		if ok {
			s.link(&parent)
		}
	}
	return s
}

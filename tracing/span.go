package tracing

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kind says on which side of a call a span is.
type Kind uint64

// The kinds, as OTLP numbers them.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
)

// Span is one piece of work with a beginning and an end. A nil span, and one
// that is not sampled, records nothing.
type Span struct {
	tracer *Tracer
	trace  [16]byte
	id     [8]byte
	// recorded tells that the span is sampled.
	recorded bool
	kind     Kind
	// passed tells that the span is another process's, which is handed on as it
	// came and sampled if sampled says so.
	passed, sampled bool
	// state and baggage are handed on as they came.
	state, baggage string
	began          time.Time

	mu sync.Mutex // guards what follows
	// fields are those of the span's message that are known so far.
	fields []byte
	// lost is how many events had no place.
	lost  uint64
	ended bool
}

// maxSpan bounds the message of a span, in bytes. Events beyond are counted.
const maxSpan = 16 << 10

// The fields of a Span (opentelemetry-proto, trace/v1).
const (
	spanTrace      = 1
	spanID         = 2
	spanState      = 3
	spanParent     = 4
	spanName       = 5
	spanKind       = 6
	spanBegan      = 7
	spanEnded      = 8
	spanAttributes = 9
	spanEvents     = 11
	spanLost       = 12
	spanLinks      = 13
	spanStatus     = 15
	spanFlags      = 16
)

// statusError is OTLP's code of a span that failed.
const statusError = 2

// Flags of a parent in OTLP, beside that of sampling.
const (
	flagSampled  = 1 << 0
	flagKnown    = 1 << 8 // the next one says something
	flagIsRemote = 1 << 9
)

// used is set once there is a tracer in this process, or another process's span
// is handed on. Until then no context is searched for a span.
var used atomic.Bool

type spanKey struct{}

// FromContext returns the span that ctx is within, or nil.
func FromContext(ctx context.Context) *Span {
	if !used.Load() {
		return nil
	}
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}

// Methods that requests call are small enough to be inlined, so that a nil span
// costs no more than the comparison.

// Within returns ctx within the span; ctx itself if the span is nil.
func (s *Span) Within(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, s)
}

// Without returns ctx within no span: what follows is nobody's child.
func Without(ctx context.Context) context.Context {
	if FromContext(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, (*Span)(nil))
}

// Start begins a span below that of ctx. Without one it returns ctx and nil.
func Start(ctx context.Context, name string, attributes ...Attribute) (context.Context, *Span) {
	parent := FromContext(ctx)
	if parent == nil {
		return ctx, nil
	}
	s := parent.Child(name, attributes...)
	return s.Within(ctx), s
}

// Recording tells whether anybody will see what is told to the span. Who has to
// work to tell something asks before.
func (s *Span) Recording() bool { return s != nil && s.recorded }

// Child begins a span below s.
func (s *Span) Child(name string, attributes ...Attribute) *Span {
	if s == nil {
		return nil
	}
	return s.ChildAt(time.Time{}, Internal, name, attributes...)
}

// Call begins a span below s that is a call to another process.
func (s *Span) Call(name string, attributes ...Attribute) *Span {
	return s.ChildAt(time.Time{}, Client, name, attributes...)
}

// ChildAt begins a span below s at a time, zero for now. Below a span that is not
// sampled there is none: s itself is returned, which records nothing either.
func (s *Span) ChildAt(began time.Time, kind Kind, name string, attributes ...Attribute) *Span {
	if !s.Recording() {
		return s
	}
	cleanAll(attributes)
	child := &Span{tracer: s.tracer, trace: s.trace, recorded: true, state: s.state, baggage: s.baggage}
	child.begin(began, kind, name)
	child.fields = appendBytes(child.fields, spanParent, s.id[:])
	child.fields = appendFlags(child.fields, flagSampled|flagKnown)
	child.fields = appendAttributes(child.fields, spanAttributes, attributes)
	return child
}

// begin gives the span its id and, if it is recorded, its first fields.
func (s *Span) begin(at time.Time, kind Kind, name string) {
	for s.id == [8]byte{} {
		binary.LittleEndian.PutUint64(s.id[:], rand.Uint64())
	}
	if !s.recorded {
		return
	}
	if at.IsZero() {
		at = time.Now()
	}
	s.began, s.kind = at, kind
	b := make([]byte, 0, 512)
	b = appendBytes(b, spanTrace, s.trace[:])
	b = appendBytes(b, spanID, s.id[:])
	if s.state != "" {
		b = appendText(b, spanState, s.state)
	}
	b = appendText(b, spanName, clean(name))
	b = appendNumber(b, spanKind, uint64(kind))
	s.fields = appendFixed(b, spanBegan, uint64(at.UnixNano()))
}

func appendFlags(b []byte, flags uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, spanFlags, protowire.Fixed32Type), flags)
}

// now is the time as the span knows it: that of its beginning, and what has
// passed since by a clock that nobody sets.
func (s *Span) now() uint64 { return uint64(s.began.UnixNano() + int64(time.Since(s.began))) }

// room tells whether there is place for size more bytes; s.mu must be held.
func (s *Span) room(size int) bool { return !s.ended && len(s.fields)+size <= maxSpan }

// Set adds attributes.
func (s *Span) Set(attributes ...Attribute) {
	if s != nil && s.recorded {
		s.set(attributes)
	}
}

func (s *Span) set(attributes []Attribute) {
	cleanAll(attributes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room(attributesSize(attributes)) {
		s.fields = appendAttributes(s.fields, spanAttributes, attributes)
	}
}

// Event adds that something happened, now.
func (s *Span) Event(name string, attributes ...Attribute) {
	if s != nil && s.recorded {
		s.event(name, attributes)
	}
}

func (s *Span) event(name string, attributes []Attribute) {
	cleanAll(attributes)
	s.mu.Lock()
	defer s.mu.Unlock()
	// 1 time, 2 name, 3 attributes
	size := 1 + 8 + 1 + protowire.SizeBytes(len(name)) + attributesSize(attributes)
	if !s.room(size + 8) {
		s.lost++
		return
	}
	b := appendLength(s.fields, spanEvents, size)
	b = appendFixed(b, 1, s.now())
	b = appendText(b, 2, name)
	s.fields = appendAttributes(b, 3, attributes)
}

// Fail says that the work did not succeed. A nil error is none.
func (s *Span) Fail(err error) {
	if s != nil && s.recorded && err != nil {
		s.fail(clean(err.Error()))
	}
}

func (s *Span) fail(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// 2 message, 3 code
	size := 2
	if why != "" {
		size += 1 + protowire.SizeBytes(len(why))
	}
	if !s.room(size + 8) {
		return
	}
	b := appendLength(s.fields, spanStatus, size)
	if why != "" {
		b = appendText(b, 2, why)
	}
	s.fields = appendNumber(b, 3, statusError)
}

// link names a span that led to this one without being its parent.
func (s *Span) link(p *Parent) {
	size := 1 + protowire.SizeBytes(16) + 1 + protowire.SizeBytes(8) + 1 + 4
	if p.State != "" {
		size += 1 + protowire.SizeBytes(len(p.State))
	}
	b := appendLength(s.fields, spanLinks, size)
	b = appendBytes(b, 1, p.Trace[:])
	b = appendBytes(b, 2, p.Span[:])
	if p.State != "" {
		b = appendText(b, 3, p.State)
	}
	s.fields = protowire.AppendFixed32(protowire.AppendTag(b, 6, protowire.Fixed32Type), p.flags())
}

// flags are what OTLP says of a span of another process.
func (p *Parent) flags() uint32 {
	if p.Sampled {
		return flagSampled | flagKnown | flagIsRemote
	}
	return flagKnown | flagIsRemote
}

// End ends the span and hands it over to be sent. What is told to it later is
// lost; a second End does nothing.
func (s *Span) End() {
	if s != nil && s.recorded {
		s.end()
	}
}

func (s *Span) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.lost > 0 {
		s.fields = appendNumber(s.fields, spanLost, s.lost)
	}
	s.tracer.queue.add(appendFixed(s.fields, spanEnded, s.now()))
	s.fields = nil
}

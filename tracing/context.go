package tracing

import (
	"encoding/hex"
	"net/http"
	"strings"
)

// Parent is a span of another process, as W3C Trace Context hands it on.
type Parent struct {
	Trace   [16]byte
	Span    [8]byte
	Sampled bool
	// State is the tracestate, as it came.
	State string
}

// The headers of W3C Trace Context and W3C Baggage, as net/http spells them.
const (
	headerParent  = "Traceparent"
	headerState   = "Tracestate"
	headerBaggage = "Baggage"
)

// What is handed on of headers, in bytes: as much as the recommendations ask
// for. What is longer is left out.
const (
	maxState   = 512
	maxBaggage = 8192
)

// valid tells whether neither id is all zero, which means none.
func (p *Parent) valid() bool { return p.Trace != [16]byte{} && p.Span != [8]byte{} }

// parse reads a traceparent (W3C Trace Context, 3.2):
//
//	version "-" trace-id "-" parent-id "-" trace-flags ["-" of later versions]
func (p *Parent) parse(text string) bool {
	if len(text) < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return false
	}
	var version, flags [1]byte
	if !unhex(version[:], text[:2]) || !unhex(p.Trace[:], text[3:35]) || !unhex(p.Span[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return false
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(text) != 55, len(text) > 55 && text[55] != '-':
		return false
	}
	p.Sampled = flags[0]&1 != 0
	return p.valid()
}

// unhex decodes lower-case digits, of which the recommendation knows no others.
func unhex(to []byte, text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}

// parentOf reads the headers of a request. Two traceparents are none.
func parentOf(h http.Header) (p Parent, ok bool) {
	values := h[headerParent]
	if len(values) != 1 || !p.parse(values[0]) {
		return Parent{}, false
	}
	p.State = joined(h[headerState], maxState)
	return p, true
}

// joined puts together a header that came in pieces; a long or strange one is
// left out.
func joined(values []string, most int) string {
	text := strings.Join(values, ",")
	if len(text) > most {
		return ""
	}
	for i := range len(text) {
		if text[i] < ' ' && text[i] != '\t' || text[i] > '~' {
			return ""
		}
	}
	return text
}

// traceparent is what tells another process of the span.
func (s *Span) traceparent() string {
	var b [55]byte
	copy(b[:], "00-")
	hex.Encode(b[3:], s.trace[:])
	b[35] = '-'
	hex.Encode(b[36:], s.id[:])
	copy(b[52:], "-00")
	if s.recorded || s.sampled {
		b[54] = '1'
	}
	return string(b[:])
}

// Passed returns what the headers of a request say of traces, for a process that
// traces nothing itself to hand on, as OpenTelemetry's propagators do: the span
// records nothing, and those whom it calls are children of the caller's own span.
// It returns nil when the headers say nothing.
func Passed(h http.Header) *Span {
	parent, ok := parentOf(h)
	baggage := joined(h[headerBaggage], maxBaggage)
	if !ok && baggage == "" {
		return nil
	}
	if !used.Load() {
		used.Store(true)
	}
	return &Span{passed: true, sampled: parent.Sampled, trace: parent.Trace, id: parent.Span, state: parent.State, baggage: baggage}
}

// Inject says in h, the headers of a request to another process, whose child its
// spans are. What h says of that already is replaced.
func (s *Span) Inject(h http.Header) {
	if s == nil {
		return
	}
	s.inject(func(name, value string) {
		if value == "" {
			delete(h, name)
			return
		}
		h[name] = []string{value}
	})
}

// InjectTo calls set with what Inject would write, in lower case, as gRPC's
// metadata is.
func (s *Span) InjectTo(set func(name, value string)) {
	if s == nil {
		return
	}
	s.inject(func(name, value string) {
		if value != "" {
			set(strings.ToLower(name), value)
		}
	})
}

func (s *Span) inject(set func(name, value string)) {
	// Of a caller that sent baggage alone there is no span.
	if s.passed && s.trace == [16]byte{} {
		set(headerBaggage, s.baggage)
		return
	}
	set(headerParent, s.traceparent())
	set(headerState, s.state)
	set(headerBaggage, s.baggage)
}

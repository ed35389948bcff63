package h2

import (
	"context"
	"net/http"

	"minke/apiserver/lazycontext"
)

// Arrival is implemented by the responses of this package.
type Arrival interface {
	http.ResponseWriter
	// Arrived tells that from now on somebody else bounds how many such requests
	// work at a time, or that this one waits. Until then few of a connection do.
	Arrived()
}

var _ Arrival = (*response)(nil)

// Arrived implements Arrival.
func (w *response) Arrived() { w.stream.arrived() }

// Arrived is Arrival's method for whoever has only the request's context. For
// contexts of other servers it does nothing.
func Arrived(ctx context.Context) {
	if s, ok := ctx.Value(streamKey{}).(*stream); ok {
		s.arrived()
	}
}

func (s *stream) arrived() { s.conn.front.gate.leave(&s.arrival) }

type streamKey struct{}

// requestContext is a request's context, which knows the stream.
type requestContext struct {
	lazycontext.Context
	of *stream
}

// Value implements context.Context.
func (c *requestContext) Value(key any) any {
	if key == (streamKey{}) {
		return c.of
	}
	return c.Context.Value(key)
}

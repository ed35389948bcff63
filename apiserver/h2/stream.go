package h2

import (
	"errors"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// stream is one request and its answer. Where nothing else is said conn.mu
// guards it.
//
//	            END_STREAM from the client       END_STREAM from here
//	(open) ──────────────┬──────────────────────────────┬──────────> (gone)
//	                     └── in either order; RST_STREAM skips both ──┘
type stream struct {
	conn    *conn
	id      uint32
	request http.Request
	answer  response
	ctx     requestContext
	// changed wakes whoever waits for the body or for the window to grow.
	changed sync.Cond
	// err is why nothing more is read or written.
	err error

	window int64 // what may be sent yet
	body   body
	// arrival is the work until the request waits for its seat.
	arrival piece
}

// onHeaders begins a request, or reads the trailer of one.
func (c *conn) onHeaders(f *http2.HeadersFrame) error {
	id := f.StreamID
	if id%2 == 0 || f.HasPriority() && f.Priority.StreamDep == id {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.headers.begin(id, f.StreamEnded())
	if err := c.headers.more(f.HeaderBlockFragment()); err != nil {
		return err
	}
	if f.HeadersEnded() {
		return c.headersEnd()
	}
	return nil
}

func (c *conn) onContinuation(f *http2.ContinuationFrame) error {
	if err := c.headers.more(f.HeaderBlockFragment()); err != nil {
		return err
	}
	if f.HeadersEnded() {
		return c.headersEnd()
	}
	return nil
}

// headersEnd acts on a whole header block.
func (c *conn) headersEnd() error {
	h := &c.headers
	if err := h.end(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.stream <= c.lastID {
		return c.trailer()
	}
	if c.leaving {
		return nil // the client knows from GOAWAY that it must ask again elsewhere
	}
	c.lastID = h.stream
	if uint32(len(c.streams)) >= c.front.Streams || c.running >= int(c.front.Streams) {
		c.resets++
		if c.resets > maxResets+int(c.finished.Load()) {
			return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
		}
		return http2.StreamError{StreamID: h.stream, Code: http2.ErrCodeRefusedStream}
	}
	s := &stream{conn: c, id: h.stream, window: c.firstWindow}
	s.changed.L = &c.mu
	s.answer.stream = s
	s.ctx.of = s
	s.ctx.Begin(c.ctx, time.Time{})
	s.request = *new(http.Request).WithContext(&s.ctx)
	refused := h.request(&s.request)
	if errors.Is(refused, errMalformed) {
		s.ctx.Cancel()
		return http2.StreamError{StreamID: h.stream, Code: http2.ErrCodeProtocol}
	}
	s.begin(h.ends)
	c.streams[s.id] = s
	c.running++
	c.handlers.Add(1)
	if refused != nil {
		s.request.URL, s.request.Header = nil, http.Header{}
	}
	s.arrival = piece{of: &c.share, begin: func() { handlers.serve(s) }}
	if c.front.gate.enter(&s.arrival) {
		handlers.serve(s)
	}
	return nil
}

// trailer ends the body of a request; what it says is not used. c.mu must be
// held.
func (c *conn) trailer() error {
	s := c.streams[c.headers.stream]
	switch {
	case s == nil:
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case s.body.ended:
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeStreamClosed}
	case !c.headers.ends:
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol}
	}
	return s.endBody()
}

// begin completes the request.
func (s *stream) begin(ended bool) {
	r := &s.request
	r.TLS, r.RemoteAddr = s.conn.state, s.conn.remote
	s.body.stream, s.body.ended, s.body.declared = s, ended, r.ContentLength
	r.Body = &s.body
	if ended {
		r.Body = http.NoBody
	} else if r.Header.Get("Expect") == "100-continue" {
		s.body.awaited = true
	}
}

// serve runs the handler. It is called without any lock.
func (s *stream) serve() {
	c := s.conn
	defer c.handlers.Done()
	defer s.finish()
	defer func() {
		if cause := recover(); cause != nil {
			if cause != http.ErrAbortHandler {
				c.front.Log.Error("panic while serving", "path", s.request.RequestURI, "cause", cause, "stack", string(debug.Stack()))
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.reset(s.id, http2.ErrCodeInternal)
			c.flush()
		}
	}()
	if s.request.URL == nil {
		s.answer.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	c.handler.ServeHTTP(&s.answer, &s.request)
}

// finish ends the answer and forgets the stream.
func (s *stream) finish() {
	c := s.conn
	s.arrived()
	c.mu.Lock()
	s.answer.close()
	if s.err == nil { // not given up by either end
		c.finished.Add(1)
		if !s.body.ended {
			c.output.reset(s.id, http2.ErrCodeNo) // the rest of the body is not wanted
		}
	}
	s.end(errHandled)
	delete(c.streams, s.id)
	c.running--
	c.flush()
	c.leave()
	c.mu.Unlock()
	s.ctx.Cancel()
}

var errHandled = errors.New("the handler has ended")

// end lets nothing more be read or written; c.mu must be held.
func (s *stream) end(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	s.body.discard()
	s.changed.Broadcast()
	s.ctx.Cancel()
}

// reset ends a stream and tells the client; c.mu must be held.
func (c *conn) reset(id uint32, code http2.ErrCode) {
	if s := c.streams[id]; s != nil {
		s.end(errors.New("the request was reset: " + code.String()))
		delete(c.streams, id)
	} else if code == http2.ErrCodeInternal {
		return // it was given up before
	}
	c.output.reset(id, code)
}

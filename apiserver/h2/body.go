package h2

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/http2"
)

// body is what a client sends with its request: http.Request.Body. conn.mu
// guards it.
type body struct {
	stream   *stream
	data     []byte // received and not read; at most the stream's window
	received int64
	declared int64 // what Content-Length says; -1 for nothing
	ended    bool  // all has come
	closed   bool  // nobody will read more
	awaited  bool  // the client waits for "100 Continue"
	unread   int   // read and not yet given back to the stream's window
	deadline time.Time
}

var errClosed = errors.New("the body is closed")

// onData takes a part of a body.
func (c *conn) onData(f *http2.DataFrame) error {
	size := int(f.Length) // with its padding: that counts too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken += size; c.taken > connWindow {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	s := c.streams[f.StreamID]
	switch {
	case s == nil && c.unknown(f.StreamID) != nil:
		return c.unknown(f.StreamID)
	case s == nil && f.StreamID <= c.lastID, s != nil && s.body.ended:
		c.giveBack(size)
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	case s == nil || s.body.closed || s.err != nil:
		c.giveBack(size)
		return c.answerLater()
	}
	return s.take(f, size)
}

func (s *stream) take(f *http2.DataFrame, size int) error {
	b, data := &s.body, f.Data()
	b.received += int64(len(data))
	wrong := http2.ErrCodeNo
	switch {
	case len(b.data)+b.unread+size > streamWindow:
		wrong = http2.ErrCodeFlowControl
	case b.declared >= 0 && b.received > b.declared:
		wrong = http2.ErrCodeProtocol
	}
	if wrong != http2.ErrCodeNo {
		s.conn.giveBack(size)
		return http2.StreamError{StreamID: s.id, Code: wrong}
	}
	if padding := size - len(data); padding > 0 {
		s.conn.giveBack(padding)
		b.unread += padding
	}
	if b.data == nil && b.declared > 0 && b.declared <= streamWindow {
		b.data = make([]byte, 0, b.declared)
	}
	b.data = append(b.data, data...)
	if f.StreamEnded() {
		return s.endBody()
	}
	s.changed.Signal()
	return s.conn.answerLater()
}

// endBody notes that all has come.
func (s *stream) endBody() error {
	b := &s.body
	// A body that is shorter than declared must never look whole to its reader.
	if b.declared >= 0 && b.received != b.declared {
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol}
	}
	b.ended = true
	s.changed.Signal()
	return nil
}

// giveBack lets the client send n bytes more over the connection. It is told
// in large steps.
func (c *conn) giveBack(n int) {
	c.taken -= n
	if c.unread += n; c.unread >= connWindow/2 {
		c.output.windowUpdate(0, c.unread)
		c.unread = 0
	}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	s := b.stream
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	b.proceed()
	for len(b.data) == 0 {
		if err := b.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.data)
	if b.data = b.data[n:]; len(b.data) == 0 && b.ended {
		b.data = nil
	}
	c.giveBack(n)
	if b.unread += n; !b.ended && b.unread >= streamWindow/2 {
		c.output.windowUpdate(s.id, b.unread)
		b.unread = 0
	}
	if c.output.size() > 0 {
		c.flush()
	}
	return n, nil
}

// Whole is implemented by the bodies of this package.
type Whole interface {
	io.ReadCloser
	// Take returns all of a body of which nothing was read, once it has come. The
	// caller owns it. It tells false, and has taken nothing, if the client did not
	// say how long the body is, or if that is too much to wait here for its reader.
	Take() (data []byte, ok bool, err error)
}

var _ Whole = (*body)(nil)

// Take implements Whole. What is no longer than the stream's window comes without
// anybody reading it.
func (b *body) Take() ([]byte, bool, error) {
	s := b.stream
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.declared < 0 || b.declared > streamWindow || b.unread > 0 {
		return nil, false, nil
	}
	b.proceed()
	for !b.ended || s.err != nil || b.closed {
		if b.unread >= streamWindow/2 { // padding takes its part of the window
			c.output.windowUpdate(s.id, b.unread)
			b.unread = 0
			c.flush()
		}
		if err := b.more(); err != nil {
			return nil, true, err
		}
	}
	data := b.data
	b.data = nil
	c.giveBack(len(data))
	if c.output.size() > 0 {
		c.flush()
	}
	return data, true, nil
}

// proceed tells a client that waits for it to send the body.
func (b *body) proceed() {
	if b.awaited && len(b.data) == 0 && !b.ended && b.stream.err == nil {
		b.awaited = false
		b.stream.answer.interim(http.StatusContinue)
	}
}

// more waits for more of the body, or tells why there is none.
func (b *body) more() error {
	s := b.stream
	switch {
	case s.err != nil:
		return s.err
	case b.closed:
		return errClosed
	case b.ended:
		return io.EOF
	case !s.await(b.deadline):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Close implements io.Closer.
func (b *body) Close() error {
	c := b.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	b.discard()
	return nil
}

// discard forgets what has come; conn.mu must be held.
func (b *body) discard() {
	if b.closed || b.stream == nil {
		return
	}
	b.closed = true
	b.stream.conn.giveBack(len(b.data))
	b.data = nil
}

// await waits until something about the stream has changed, and tells false
// when the deadline is over. A timer runs only while somebody waits. conn.mu
// must be held.
func (s *stream) await(deadline time.Time) bool {
	if deadline.IsZero() {
		s.changed.Wait()
		return true
	}
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	timer := time.AfterFunc(left, func() {
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		s.changed.Broadcast()
	})
	defer timer.Stop()
	s.changed.Wait()
	return true
}

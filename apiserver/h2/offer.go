package h2

import (
	"net/http"
)

// Offer is implemented by the responses of this package.
type Offer interface {
	http.ResponseWriter
	// Offer sends p as Write and Flush do, but never waits for the client: it
	// tells false, and has sent nothing, if it would have to. A response that
	// has not begun refuses, too. It must not be called while another method is.
	Offer(p []byte) bool
}

var _ Offer = (*response)(nil)

// Offer implements Offer. A client that is behind has its socket's buffer full
// and at most flushAt bytes waiting here; beyond that it is refused.
func (w *response) Offer(p []byte) bool {
	s, c := w.stream, w.stream.conn
	if c.socket == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.output
	if s.err != nil || c.err != nil || o.failed || !w.begun || w.ended {
		return false
	}
	if int64(len(p)) > min(s.window, c.window) || o.size()+len(p) > flushAt {
		return false
	}
	for len(p) > 0 {
		p = p[w.put(p[:min(len(p), maxFrame)]):]
	}
	c.flushNow()
	return true
}

// flushNow is flush for those who may not wait: what the client does not take
// at once is left to a goroutine. c.mu must be held; it is given up in between.
func (c *conn) flushNow() {
	o := &c.output
	if o.writing || o.failed || o.size() == 0 {
		return
	}
	buffer := o.take()
	c.mu.Unlock()
	c.socket.hurry()
	err := c.write(*buffer)
	more := c.socket.settle()
	recycle(buffer)
	c.mu.Lock()
	if err == nil && more {
		go c.flushRest()
		return
	}
	if c.written(err) && o.size() > 0 {
		go c.flushLater()
	}
}

// flushRest writes what the socket had no room for, and then what has come
// meanwhile. It goes on with the write that flushNow began.
func (c *conn) flushRest() {
	err := c.socket.finish()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written(err) {
		c.flush()
	}
}

package poll

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection whose reader Network wakes when something has come. One
// goroutine reads at a time.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn
	id  int32
	// waiting tells that somebody reads.
	waiting atomic.Bool
	// latest is which wake of its set was its latest.
	latest uint64

	mu sync.Mutex // guards all below, and the deadline for reads
	// deadline is what the user wants; while woken, the connection's own has
	// passed, which is how a reader can be woken.
	deadline time.Time
	woken    bool
}

// passed is a deadline that has.
var passed = time.Unix(1, 0)

// New returns c, whose file is raw, as a connection that Network knows of once it
// has joined.
func New(c *net.TCPConn, raw syscall.RawConn) *Conn { return &Conn{TCPConn: c, raw: raw} }

// Join lets Network know of c until it is closed. An error means that c is closed
// already, or that the kernel has no room; c works all the same.
func (c *Conn) Join() error { return connections.add(c) }

// control calls f with the connection's file.
func (c *Conn) control(f func(fd int) error) error {
	var err error
	return errors.Join(c.raw.Control(func(fd uintptr) { err = f(int(fd)) }), err)
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	c.waiting.Store(true)
	defer c.waiting.Store(false)
	for {
		n, err := c.TCPConn.Read(p)
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		switch again, restoring := c.restore(); {
		case restoring != nil:
			return n, errors.Join(err, restoring)
		case !again:
			return n, err // as it is: TLS goes on after a net.Error that is a timeout
		}
	}
}

// wake lets who reads look whether there is something, unless it was woken already.
func (c *Conn) wake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken {
		return false
	}
	// An error means that it is closed, which wakes, too.
	c.woken = c.TCPConn.SetReadDeadline(passed) == nil
	return c.woken
}

// restore sets the user's deadline again, and tells whether it was not that which
// has passed.
func (c *Conn) restore() (again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.woken {
		return false, nil
	}
	c.woken = false
	return true, c.TCPConn.SetReadDeadline(c.deadline)
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.woken {
		return nil // the reader will set it
	}
	return c.TCPConn.SetReadDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.TCPConn.SetWriteDeadline(t))
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	connections.remove(c)
	return c.TCPConn.Close()
}

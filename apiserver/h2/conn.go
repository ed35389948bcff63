package h2

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What this end lets clients send ahead, in bytes: for each request and for all
// of a connection.
const (
	streamWindow = 256 << 10
	connWindow   = 1 << 20
)

// maxFrame is the largest frame that either end sends, which is the protocol's
// default.
const maxFrame = 16 << 10

// prefaceTime bounds how long a client may take to begin.
const prefaceTime = 10 * time.Second

// conn is one connection.
type conn struct {
	front   *front
	tls     *tls.Conn
	socket  *socket // below tls; nil: it can only be waited for
	state   *tls.ConnectionState
	remote  string
	handler http.Handler
	ctx     context.Context
	cancel  context.CancelFunc

	// share is the connection's part in front.gate, and reading and writing are
	// its passes.
	share            share
	reading, writing *pass

	// The reader alone uses these.
	in      *bufio.Reader
	frames  *http2.Framer
	headers headers
	resets  int // requests that the client gave up, less those it let finish

	seen     atomic.Int64 // frames read, so that silence is noticed
	finished atomic.Int64 // requests answered
	handlers sync.WaitGroup

	mu sync.Mutex // guards all below, and what stream says
	// err is why the connection has ended; nothing is written after it.
	err     error
	closed  bool
	streams map[uint32]*stream
	running int    // handlers, also of streams that are gone
	lastID  uint32 // the latest stream that was begun
	leaving bool   // GOAWAY was sent: no further streams
	output  output
	encoder *hpack.Encoder
	block   bytes.Buffer // what encoder made
	// window is what may be sent yet, firstWindow what a new stream may send.
	window, firstWindow int64
	// unread is what was received and consumed, and not yet given back to the
	// client's window.
	unread int
	taken  int // received bytes of bodies that nobody has read yet
}

func newConn(f *front, tlsConn *tls.Conn, h http.Handler, base context.Context) *conn {
	state := tlsConn.ConnectionState()
	c := &conn{front: f, tls: tlsConn, state: &state, remote: tlsConn.RemoteAddr().String(), handler: h,
		streams: map[uint32]*stream{}, window: 65535, firstWindow: 65535}
	if c.socket, _ = tlsConn.NetConn().(*socket); c.socket != nil {
		c.reading, c.writing = newPass(f.gate, &c.share), newPass(f.gate, &c.share)
		c.socket.reading = c.reading
		if err := c.socket.Join(); err != nil && !errors.Is(err, net.ErrClosed) {
			f.Log.Warn("packets of a connection may be noticed late while the server is busy", "client", c.remote, "err", err)
		}
	}
	c.ctx, c.cancel = context.WithCancel(base)
	c.in = bufio.NewReaderSize(tlsConn, 4<<10)
	c.frames = http2.NewFramer(nil, c.in)
	c.frames.SetReuseFrames()
	c.frames.SetMaxReadFrameSize(maxFrame)
	c.headers.init(f.HeaderBytes)
	c.encoder = hpack.NewEncoder(&c.block)
	c.output.done.L, c.output.room.L = &c.mu, &c.mu
	return c
}

// serve reads until the connection ends, and then waits for the handlers.
func (c *conn) serve() {
	err := c.begin()
	if err == nil {
		stop := c.watchSilence()
		err = c.read()
		stop()
	}
	c.reading.leave()
	c.fail(err)
	c.handlers.Wait()
}

// begin reads the client's preface and answers it with this end's settings.
func (c *conn) begin() error {
	if c.state.Version < tls.VersionTLS12 {
		return errors.New("HTTP/2 needs TLS 1.2")
	}
	if err := c.tls.SetReadDeadline(time.Now().Add(prefaceTime)); err != nil {
		return err
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("the client does not begin as HTTP/2 does")
	}
	if err := c.tls.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.mu.Lock()
	c.output.settings(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: c.front.Streams},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: c.front.HeaderBytes},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow})
	c.output.windowUpdate(0, connWindow-65535)
	c.flush()
	c.mu.Unlock()
	f, err := c.frames.ReadFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return c.onSettings(settings)
}

// read acts on frames until one ends the connection.
func (c *conn) read() error {
	for {
		f, err := c.frames.ReadFrame()
		c.seen.Add(1)
		c.reading.breathe()
		switch {
		case err == nil:
			err = c.on(f)
		case errors.Is(err, http2.ErrFrameTooLarge):
			err = http2.ConnectionError(http2.ErrCodeFrameSize)
		}
		if err != nil {
			if err = c.refuse(err); err != nil {
				return err
			}
		}
	}
}

// refuse resets the stream that an error is about; other errors it returns.
func (c *conn) refuse(err error) error {
	var ofStream http2.StreamError
	if !errors.As(err, &ofStream) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset(ofStream.StreamID, ofStream.Code)
	return c.answerLater()
}

func (c *conn) on(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.onHeaders(f)
	case *http2.ContinuationFrame:
		return c.onContinuation(f)
	case *http2.DataFrame:
		return c.onData(f)
	case *http2.RSTStreamFrame:
		return c.onReset(f)
	case *http2.WindowUpdateFrame:
		return c.onWindowUpdate(f)
	case *http2.SettingsFrame:
		return c.onSettings(f)
	case *http2.PingFrame:
		return c.onPing(f)
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
		}
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // GOAWAY, and what is not known yet
}

// unknown is what to say of a frame for a stream that is not there: it has
// ended, or was never begun. A client that is being left may have begun it
// before it knew. c.mu must be held.
func (c *conn) unknown(id uint32) error {
	if id > c.lastID && !c.leaving {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// fail ends the connection, once. Its handlers learn of it by their contexts.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = fmt.Errorf("the connection has ended: %w", err)
	}
	for _, s := range c.streams {
		s.end(c.err)
	}
	c.output.done.Broadcast()
	c.output.room.Broadcast()
	first := !c.closed
	c.closed = true
	var wrong http2.ConnectionError
	tell := first && errors.As(err, &wrong) && c.lastWrite()
	stuck := c.output.writing || c.output.failed
	c.mu.Unlock()
	c.cancel()
	if !first {
		return
	}
	if stuck { // nor would the client take a farewell
		_ = c.tls.NetConn().Close()
		return
	}
	if tell {
		c.sayGoodbye(http2.ErrCode(wrong))
	}
	_ = c.tls.Close()
}

// lastWrite lets a write that is under way end, if the client takes it in the
// time of a farewell. It is called once nothing else is written; c.mu must be
// held.
func (c *conn) lastWrite() bool {
	if c.tls.SetWriteDeadline(time.Now().Add(farewell)) != nil {
		return false
	}
	for c.output.writing {
		c.output.done.Wait()
	}
	return !c.output.failed
}

// farewell bounds how long, and how many bytes, a client is listened to that
// was told what it did wrong.
const (
	farewell      = time.Second
	farewellBytes = 1 << 20
)

// sayGoodbye tells the client what it did wrong, if it listens. Nothing else is
// written any more. What the client still sends is read and dropped: a socket
// that is closed with bytes unread would take back what was told.
func (c *conn) sayGoodbye(code http2.ErrCode) {
	var o output
	o.goAway(c.lastID, code)
	if c.tls.SetDeadline(time.Now().Add(farewell)) != nil {
		return
	}
	if _, err := c.tls.Write(*o.buffer); err != nil {
		return
	}
	if c.tls.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.tls.NetConn(), farewellBytes)
	}
}

// drain takes no further requests and ends the connection with the last one.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving || c.err != nil {
		return
	}
	c.leaving = true
	c.output.goAway(c.lastID, http2.ErrCodeNo)
	go c.flushLater()
	c.leave()
}

// leave ends a connection that is drained; c.mu must be held.
func (c *conn) leave() {
	if c.leaving && len(c.streams) == 0 && c.err == nil {
		go func() {
			c.flushAll()
			c.fail(errors.New("all is answered"))
		}()
	}
}

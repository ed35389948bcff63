package h2

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is a client that says what it likes.
type peer struct {
	*http2.Framer
	server *httptest.Server
	conn   net.Conn
	block  bytes.Buffer
	enc    *hpack.Encoder
}

func dial(t *testing.T, o Options, h http.HandlerFunc) *peer {
	t.Helper()
	s, _ := serve(t, o, h)
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{Framer: http2.NewFramer(conn, conn), server: s, conn: conn}
	p.enc = hpack.NewEncoder(&p.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return p
}

// request begins a request with further fields, name and value in turn.
func (p *peer) request(id uint32, ends bool, fields ...string) error {
	return p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.fields(fields...), EndHeaders: true, EndStream: ends})
}

func (p *peer) fields(more ...string) []byte {
	p.block.Reset()
	all := append([]string{":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/"}, more...)
	for i := 0; i < len(all); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return p.block.Bytes()
}

// await reads until a frame for which holds is true.
func (p *peer) await(t *testing.T, holds func(http2.Frame) bool) {
	t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := p.ReadFrame()
		if err != nil {
			t.Fatalf("the connection ended first: %v", err)
		}
		if holds(f) {
			return
		}
	}
}

// awaitEnd reads until the server ends the connection. It says why before, if
// that arrives: what the client sent meanwhile may cut it off.
func (p *peer) awaitEnd(t *testing.T, code http2.ErrCode) {
	t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := p.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server goes on")
		}
		if g, ok := f.(*http2.GoAwayFrame); ok && g.ErrCode != code {
			t.Fatalf("the server ends for another reason: %s", g.ErrCode)
		}
		if err != nil {
			return
		}
	}
}

func goAway(code http2.ErrCode) func(http2.Frame) bool {
	return func(f http2.Frame) bool {
		g, ok := f.(*http2.GoAwayFrame)
		return ok && g.ErrCode == code
	}
}

func resetOf(id uint32, code http2.ErrCode) func(http2.Frame) bool {
	return func(f http2.Frame) bool {
		r, ok := f.(*http2.RSTStreamFrame)
		return ok && r.StreamID == id && r.ErrCode == code
	}
}

func answerTo(id uint32) func(http2.Frame) bool {
	return func(f http2.Frame) bool {
		_, ok := f.(*http2.HeadersFrame)
		return ok && f.Header().StreamID == id
	}
}

func nothing(http.ResponseWriter, *http.Request) {}

func TestMalformedRequests(t *testing.T) {
	for name, fields := range map[string][]string{
		"upper case":            {"Name", "v"},
		"connection field":      {"connection", "close"},
		"transfer encoding":     {"transfer-encoding", "chunked"},
		"te":                    {"te", "gzip"},
		"pseudo field late":     {"a", "b", ":path", "/"},
		"pseudo field twice":    {":path", "/other"},
		"pseudo field unknown":  {":protocol", "websocket"},
		"newline in a value":    {"a", "b\r\nc: d"},
		"space in a name":       {"a b", "c"},
		"length that is none":   {"content-length", "-1"},
		"length and no body":    {"content-length", "5"},
		"two different lengths": {"content-length", "5", "content-length", "6"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, Options{}, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
			if err := p.request(1, true, fields...); err != nil {
				t.Fatal(err)
			}
			p.await(t, resetOf(1, http2.ErrCodeProtocol))
		})
	}
}

func TestHeaderTooLarge(t *testing.T) {
	p := dial(t, Options{HeaderBytes: 4 << 10}, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	if err := p.request(1, true, "a", strings.Repeat("x", 3<<10), "b", strings.Repeat("y", 3<<10)); err != nil {
		t.Fatal(err)
	}
	p.await(t, answerTo(1))
}

// TestContinuationFlood sends a header that never ends (CVE-2023-45288).
func TestContinuationFlood(t *testing.T) {
	p := dial(t, Options{HeaderBytes: 64 << 10}, nothing)
	if err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fields()}); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.block.Reset()
		_ = p.enc.WriteField(hpack.HeaderField{Name: "n", Value: strings.Repeat("x", 1000), Sensitive: true})
		for p.WriteContinuation(1, false, p.block.Bytes()) == nil {
		}
	}()
	p.awaitEnd(t, http2.ErrCodeEnhanceYourCalm)
}

// TestRapidReset begins requests and gives them up at once (CVE-2023-44487).
func TestRapidReset(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	p := dial(t, Options{Streams: 10}, func(_ http.ResponseWriter, r *http.Request) { <-block })
	go func() {
		for id := uint32(1); p.request(id, true) == nil && p.WriteRSTStream(id, http2.ErrCodeCancel) == nil; id += 2 {
		}
	}()
	p.awaitEnd(t, http2.ErrCodeEnhanceYourCalm)
}

// TestRapidResetOfHandlersThatEnd gives requests up whose handlers end at once:
// they do not count as answered.
func TestRapidResetOfHandlersThatEnd(t *testing.T) {
	ended := make(chan struct{})
	p := dial(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		select {
		case ended <- struct{}{}:
		case <-t.Context().Done():
		}
	})
	go func() {
		for id := uint32(1); p.request(id, true) == nil && p.WriteRSTStream(id, http2.ErrCodeCancel) == nil; id += 2 {
			select {
			case <-ended:
			case <-t.Context().Done():
			}
		}
	}()
	p.awaitEnd(t, http2.ErrCodeEnhanceYourCalm)
}

// TestLateRequest begins a request with a body that crosses with GOAWAY: the one
// before it is answered all the same.
func TestLateRequest(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	p := dial(t, Options{}, func(http.ResponseWriter, *http.Request) {
		close(began)
		<-finish
	})
	if err := p.request(1, true); err != nil {
		t.Fatal(err)
	}
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- p.server.Config.Shutdown(t.Context()) }()
	p.await(t, goAway(http2.ErrCodeNo))
	if err := errors.Join(p.request(3, false), p.WriteData(3, false, []byte("late")), p.WriteWindowUpdate(3, 1), p.WriteRSTStream(3, http2.ErrCodeCancel)); err != nil {
		t.Fatal(err)
	}
	if err := p.WritePing(false, [8]byte{1}); err != nil {
		t.Fatal(err)
	}
	p.await(t, func(f http2.Frame) bool { return f.Header().Type == http2.FramePing })
	close(finish)
	p.await(t, answerTo(1))
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestTooManyStreams counts handlers that run, not only streams that are open.
func TestTooManyStreams(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	p := dial(t, Options{Streams: 2}, func(http.ResponseWriter, *http.Request) { <-block })
	for id := uint32(1); id <= 3; id += 2 {
		if err := errors.Join(p.request(id, true), p.WriteRSTStream(id, http2.ErrCodeCancel)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.request(5, true); err != nil {
		t.Fatal(err)
	}
	p.await(t, resetOf(5, http2.ErrCodeRefusedStream))
}

// TestPingFlood asks without end and takes no answer, over a connection that
// keeps nothing: there is no kernel between whose room is a matter of luck.
func TestPingFlood(t *testing.T) {
	s, _ := serve(t, Options{}, nothing)
	near, far := net.Pipe()
	server := tls.Server(far, &tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2"}, SessionTicketsDisabled: true})
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Handshake(); err != nil {
			t.Error(err)
			return
		}
		f := newFront(Options{Stall: 100 * time.Millisecond})
		f.serve(server, http.HandlerFunc(nothing))
	}()
	if _, err := io.WriteString(client, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	p := &peer{Framer: http2.NewFramer(client, client), server: s, conn: client}
	p.await(t, func(f http2.Frame) bool { return f.Header().Type == http2.FrameWindowUpdate })
	if err := p.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	p.await(t, func(f http2.Frame) bool { return f.Header().Type == http2.FrameSettings })
	for {
		if err := p.WritePing(false, [8]byte{}); err != nil {
			break
		}
	}
	<-ended
}

func TestWindows(t *testing.T) {
	t.Run("of the connection overflows", func(t *testing.T) {
		p := dial(t, Options{}, nothing)
		if err := p.WriteWindowUpdate(0, 1<<31-1); err != nil {
			t.Fatal(err)
		}
		p.await(t, goAway(http2.ErrCodeFlowControl))
	})
	t.Run("body beyond the stream's", func(t *testing.T) {
		p := dial(t, Options{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		if err := p.request(1, false); err != nil {
			t.Fatal(err)
		}
		for range streamWindow/maxFrame + 1 {
			if err := p.WriteData(1, false, make([]byte, maxFrame)); err != nil {
				t.Fatal(err)
			}
		}
		p.await(t, resetOf(1, http2.ErrCodeFlowControl))
	})
	t.Run("of zero is waited for", func(t *testing.T) {
		p := dial(t, Options{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
		if err := errors.Join(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2}), p.request(1, true)); err != nil {
			t.Fatal(err)
		}
		var got string
		p.await(t, func(f http2.Frame) bool {
			if d, ok := f.(*http2.DataFrame); ok {
				got += string(d.Data())
				_ = p.WriteWindowUpdate(1, 2)
				return d.StreamEnded()
			}
			return false
		})
		if got != "hello" {
			t.Errorf("got %q", got)
		}
	})
}

func TestBodyOtherThanDeclared(t *testing.T) {
	p := dial(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("a body that is too short was taken")
		}
	})
	if err := errors.Join(p.request(1, false, "content-length", "5"), p.WriteData(1, true, []byte("abc"))); err != nil {
		t.Fatal(err)
	}
	p.await(t, resetOf(1, http2.ErrCodeProtocol))
}

// TestSilence ends connections of clients that are gone, and unused ones.
func TestSilence(t *testing.T) {
	t.Run("gone", func(t *testing.T) {
		p := dial(t, Options{Ping: 10 * time.Millisecond, Pong: 10 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		if err := p.request(1, true); err != nil {
			t.Fatal(err)
		}
		p.await(t, func(f http2.Frame) bool { ping, ok := f.(*http2.PingFrame); return ok && !ping.IsAck() })
		for {
			if _, err := p.ReadFrame(); err != nil {
				return
			}
		}
	})
	t.Run("unused", func(t *testing.T) {
		p := dial(t, Options{Idle: 10 * time.Millisecond}, nothing)
		p.await(t, goAway(http2.ErrCodeNo))
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x05\x00\x00\x00\x01"), []byte("\x82\x87\x84"))
	f.Add([]byte("\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff"), []byte(""))
	f.Fuzz(func(t *testing.T, frames, block []byte) {
		client, server := net.Pipe()
		front := newFront(Options{})
		c := newConn(front, tls.Server(server, &tls.Config{}), http.HandlerFunc(nothing), t.Context())
		defer client.Close()
		defer c.cancel()
		c.err = errors.New("nothing is written here")
		c.frames = http2.NewFramer(nil, bytes.NewReader(append(append([]byte(nil), frames...), block...)))
		_ = c.read()
		c.handlers.Wait()
	})
}

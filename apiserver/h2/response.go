package h2

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// response is the http.ResponseWriter of a stream. The header leaves with the
// first bytes of the body, or at a flush, or at the end: until then it may
// change. Its handler alone uses header and status.
type response struct {
	stream *stream
	header http.Header
	status int

	// conn.mu guards what follows.
	begun bool // the header is in the output
	ended bool
	// The latest DATA frame lies from last to end, if the output is still of
	// this turn: it can grow, and be made the final one.
	last, end int
	turn      uint64
	deadline  time.Time
}

var _ http.Flusher = (*response)(nil)

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header, 8)
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		c := w.stream.conn
		c.mu.Lock()
		defer c.mu.Unlock()
		w.interim(status)
		return
	}
	if w.status == 0 {
		w.status = status
	}
}

// silent tells that the answer has no body whatever the handler writes.
func (w *response) silent() bool {
	return w.stream.request.Method == http.MethodHead || w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.silent() {
		return len(p), nil
	}
	s, c := w.stream, w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) > 0 {
		w.begin(p, false)
	}
	n := 0
	for n < len(p) {
		if err := w.room(); err != nil {
			return n, err
		}
		size := min(int64(len(p)-n), maxFrame, s.window, c.window)
		if size <= 0 {
			c.flush() // the client must see what it is to make room for
			if s.err == nil && min(s.window, c.window) <= 0 && !s.await(w.deadline) {
				return n, w.expire()
			}
			continue
		}
		n += w.put(p[n : n+int(size)])
		if c.output.size() >= flushAt {
			c.flush()
		}
	}
	return n, s.err
}

// put adds p to the output and returns how much of it: to the frame before, as
// far as that has room, if it is this stream's own and still the last. conn.mu
// must be held.
func (w *response) put(p []byte) int {
	s, c := w.stream, w.stream.conn
	o := &c.output
	size := w.end - w.last - frameHead // of the frame before
	if w.last >= 0 && w.turn == o.turn && w.end == o.size() && size < maxFrame {
		p = p[:min(len(p), maxFrame-size)]
		o.reserve(len(p))
		*o.buffer = append(*o.buffer, p...)
		size += len(p)
		head := (*o.buffer)[w.last:]
		head[0], head[1], head[2] = byte(size>>16), byte(size>>8), byte(size)
	} else {
		w.last, w.turn = o.size(), o.turn
		o.data(s.id, p, false)
	}
	w.end = o.size()
	s.window -= int64(len(p))
	c.window -= int64(len(p))
	return len(p)
}

// room returns when the output is not full: with what each stream puts into it
// at a time it then does not grow beyond fullAt and a frame. conn.mu must be held.
func (w *response) room() error {
	s, c := w.stream, w.stream.conn
	for c.output.size() >= fullAt && s.err == nil {
		c.output.room.Wait() // a write begins in time, or the connection ends
		if c.output.size() < fullAt {
			c.output.room.Signal() // there may be room for one more
		}
		c.flush()
	}
	return s.err
}

// expire gives the answer up, since it has taken too long.
func (w *response) expire() error {
	w.stream.conn.reset(w.stream.id, http2.ErrCodeInternal)
	return os.ErrDeadlineExceeded
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what was written.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	w.begin(nil, false)
	c.flush()
	return w.stream.err
}

// SetReadDeadline bounds the reading of the body, for http.ResponseController.
func (w *response) SetReadDeadline(t time.Time) error {
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	w.stream.body.deadline = t
	w.stream.changed.Broadcast()
	return nil
}

// SetWriteDeadline bounds how long the client may take to make room, for
// http.ResponseController.
func (w *response) SetWriteDeadline(t time.Time) error {
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	w.deadline = t
	w.stream.changed.Broadcast()
	return nil
}

// EnableFullDuplex is what HTTP/2 is anyway, for http.ResponseController.
func (w *response) EnableFullDuplex() error { return nil }

// close ends the answer; conn.mu must be held.
func (w *response) close() {
	s, c := w.stream, w.stream.conn
	if s.err != nil || w.ended {
		return
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if !w.begun {
		w.begin(nil, true)
		return
	}
	w.ended = true
	if w.last >= 0 && w.turn == c.output.turn && c.output.buffer != nil {
		const flagsAt = 4
		(*c.output.buffer)[w.last+flagsAt] |= byte(http2.FlagDataEndStream)
		return
	}
	c.output.data(s.id, nil, true)
}

// begin puts the header into the output, once. sample is how the body begins.
func (w *response) begin(sample []byte, ends bool) {
	if w.begun || w.stream.err != nil {
		return
	}
	w.begun, w.ended, w.last = true, ends, -1
	c := w.stream.conn
	c.block.Reset()
	c.field(":status", statusText(w.status))
	header := w.Header()
	if _, typed := header["Content-Type"]; !typed && len(sample) > 0 && header.Get("Content-Encoding") == "" {
		c.field("content-type", http.DetectContentType(sample))
	}
	if _, dated := header["Date"]; !dated {
		c.field("date", date())
	}
	for name, values := range header {
		lower := lowerOf(name)
		if !httpguts.ValidHeaderFieldName(name) || ofConnection[lower] {
			continue
		}
		for _, v := range values {
			if httpguts.ValidHeaderFieldValue(v) {
				c.field(lower, v)
			}
		}
	}
	c.output.header(w.stream.id, c.block.Bytes(), ends)
}

// interim sends a header that comes before the real one; conn.mu must be held.
func (w *response) interim(status int) {
	if w.begun || w.stream.err != nil {
		return
	}
	c := w.stream.conn
	c.block.Reset()
	c.field(":status", statusText(status))
	c.output.header(w.stream.id, c.block.Bytes(), false)
	c.flush()
}

// once are the fields whose values do not come again: they are not worth a
// place in the table that both ends keep.
var once = map[string]bool{"audit-id": true, "content-length": true, "etag": true, "warning": true}

func (c *conn) field(name, value string) {
	// Writing to the block, a bytes.Buffer, does not fail.
	_ = c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: once[name]})
}

// ofConnection are the fields that HTTP/2 does not have.
var ofConnection = map[string]bool{"connection": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true, "keep-alive": true}

// lower has the field names that the API server sends.
var lower = map[string]string{}

func init() {
	for _, name := range []string{"Audit-Id", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Etag", "Retry-After", "Vary",
		"Warning", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid"} {
		lower[name] = strings.ToLower(name)
	}
}

func lowerOf(name string) string {
	if l, ok := lower[name]; ok {
		return l
	}
	return strings.ToLower(name)
}

func statusText(status int) string {
	switch status {
	case http.StatusOK:
		return "200"
	case http.StatusCreated:
		return "201"
	}
	return strconv.Itoa(status)
}

// now is the Date of this second.
var now atomic.Pointer[dated]

type dated struct {
	second int64
	text   string
}

func date() string {
	t := time.Now()
	if d := now.Load(); d != nil && d.second == t.Unix() {
		return d.text
	}
	d := &dated{t.Unix(), t.UTC().Format(http.TimeFormat)}
	now.Store(d)
	return d.text
}

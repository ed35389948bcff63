// Package websocket lets a handler that streams its answer send it over a
// WebSocket (RFC 6455) to clients that ask so, as browsers do: watches, an event
// in each message, and logs.
package websocket

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"minke/apiserver/backend"
)

// The subprotocols of byte streams.
const (
	binary = "binary.k8s.io"
	base   = "base64.binary.k8s.io"
)

const (
	writeTimeout = 30 * time.Second
	// maxMessage bounds what is read of a client, who has nothing to say.
	maxMessage = 4 << 10
)

// Asked tells whether the request wants its answer over a WebSocket.
func Asked(r *http.Request) bool {
	return backend.IsUpgrade(r) && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Writer is a response whose successful answer goes out in messages. An answer
// with another status than 200 is a plain one.
type Writer struct {
	http.ResponseWriter
	r      *http.Request
	lines  bool
	cancel context.CancelFunc
	// conn is nil before the answer begins, and for plain ones.
	conn   *websocket.Conn
	base64 bool
	once   sync.Once
	// reading ends with the goroutine that reads.
	reading sync.WaitGroup
}

var _ http.Flusher = (*Writer)(nil)

// Lines returns a writer that sends each line as a text message, and the
// request, whose context ends when the client goes. The caller calls Close.
func Lines(w http.ResponseWriter, r *http.Request) (*Writer, *http.Request) { return wrap(w, r, true) }

// Bytes returns a writer that sends each write as a message, in the encoding of
// the subprotocol that the client asks for.
func Bytes(w http.ResponseWriter, r *http.Request) (*Writer, *http.Request) { return wrap(w, r, false) }

func wrap(w http.ResponseWriter, r *http.Request, lines bool) (*Writer, *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	r = r.WithContext(ctx)
	return &Writer{ResponseWriter: w, r: r, lines: lines, cancel: cancel}, r
}

// WriteHeader switches protocols for an answer that succeeds.
func (w *Writer) WriteHeader(status int) {
	if status != http.StatusOK || w.conn != nil {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	protocols := websocket.Subprotocols(w.r)
	if !w.lines {
		known := slices.DeleteFunc(slices.Clone(protocols), func(p string) bool { return p != "" && p != binary && p != base })
		if len(protocols) > 0 && len(known) == 0 {
			http.Error(w.ResponseWriter, "none of the requested protocols is supported", http.StatusForbidden)
			return
		}
		protocols = known
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: writeTimeout, Subprotocols: protocols,
		// Who asks is known by credentials that he sends himself.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	conn, err := upgrader.Upgrade(w.ResponseWriter, w.r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	conn.SetReadLimit(maxMessage)
	w.conn, w.base64 = conn, conn.Subprotocol() == base
	w.reading.Go(w.read)
}

// read waits for the client's end; control frames are answered meanwhile.
func (w *Writer) read() {
	defer w.cancel()
	for {
		if _, _, err := w.conn.ReadMessage(); err != nil {
			return
		}
	}
}

// Write sends p, or each of its lines.
func (w *Writer) Write(p []byte) (int, error) {
	if w.conn == nil {
		return w.ResponseWriter.Write(p)
	}
	if !w.lines {
		return len(p), w.send(p)
	}
	for line := range bytes.Lines(p) {
		if err := w.send(line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *Writer) send(message []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	switch {
	case w.lines:
		return w.conn.WriteMessage(websocket.TextMessage, message)
	case w.base64:
		return w.conn.WriteMessage(websocket.TextMessage, []byte(base64.StdEncoding.EncodeToString(message)))
	}
	return w.conn.WriteMessage(websocket.BinaryMessage, message)
}

// Flush has nothing to do: messages are sent as they are written.
func (w *Writer) Flush() {
	if w.conn == nil {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

// SetWriteDeadline is for plain answers; each message has its own.
func (w *Writer) SetWriteDeadline(at time.Time) error {
	if w.conn == nil {
		return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(at)
	}
	return nil
}

// Close tells the client that this was all.
func (w *Writer) Close() {
	w.once.Do(func() {
		defer w.cancel()
		if w.conn == nil {
			return
		}
		end := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = w.conn.WriteControl(websocket.CloseMessage, end, time.Now().Add(writeTimeout)) // it may be gone
		_ = w.conn.Close()
		w.reading.Wait()
	})
}

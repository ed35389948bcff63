package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// tunnelProtocol carries a whole SPDY connection in binary messages, so that
// port forwarding passes proxies that know WebSockets only (KEP-4006).
const tunnelProtocol = "SPDY/3.1+portforward.k8s.io"

func asksTunnel(r *http.Request) bool {
	return slices.Contains(websocket.Subprotocols(r), tunnelProtocol)
}

// tunnel upgrades to a WebSocket and serves SPDY port forwarding within it.
func (s *Server) tunnel(w http.ResponseWriter, r *http.Request, f portforward.PortForwarder, sandbox string) {
	up := websocket.Upgrader{Subprotocols: []string{tunnelProtocol}, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	conn := &tunnelConn{Conn: ws}
	defer conn.Close()
	inner := r.Clone(r.Context())
	inner.Method = http.MethodPost
	inner.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"SPDY/3.1"}, "X-Stream-Protocol-Version": {portforward.ProtocolV1Name},
	}
	portforward.ServePortForward(&tunnelWriter{conn: conn, header: http.Header{}}, inner, f, sandbox, "", &portforward.V4Options{},
		streamIdle, streamCreation, portforward.SupportedProtocols)
}

// tunnelWriter is the answer to the inner upgrade, which the outer one has
// already given: it only hands out the connection.
type tunnelWriter struct {
	conn   net.Conn
	header http.Header
}

func (t *tunnelWriter) Header() http.Header         { return t.header }
func (t *tunnelWriter) WriteHeader(int)             {}
func (t *tunnelWriter) Write(p []byte) (int, error) { return len(p), nil }
func (t *tunnelWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return t.conn, bufio.NewReadWriter(bufio.NewReader(t.conn), bufio.NewWriter(t.conn)), nil
}

// tunnelConn makes a stream of bytes out of binary messages.
type tunnelConn struct {
	*websocket.Conn
	current io.Reader

	mu sync.Mutex // held while writing
}

func (c *tunnelConn) Read(p []byte) (int, error) {
	for {
		if c.current == nil {
			kind, r, err := c.NextReader()
			if err != nil {
				if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
					return 0, io.EOF
				}
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				continue
			}
			c.current = r
		}
		n, err := c.current.Read(p)
		if err == io.EOF {
			c.current = nil
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *tunnelConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *tunnelConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// The channels of v5.channel.k8s.io: the first byte of each message. 255 closes
// the channel that the second byte names, which v4 could not say of stdin.
const (
	channelStdin  = 0
	channelStatus = 3
	channelResize = 4
	channelClose  = 255
)

func asksV5(r *http.Request) bool {
	return slices.Contains(websocket.Subprotocols(r), remotecommand.StreamProtocolV5Name)
}

// v5 is one WebSocket session.
type v5 struct {
	conn   *websocket.Conn
	in     *io.PipeReader
	feed   *io.PipeWriter
	resize chan remotecommand.TerminalSize

	mu sync.Mutex // held while writing to conn
}

// maxMessage bounds one message of a client.
const maxMessage = 1 << 20

// serveV5 upgrades, runs the session and reports how it ended.
func (s *Server) serveV5(w http.ResponseWriter, r *http.Request, o *remotecommand.Options, session func(context.Context, *v5) error) {
	up := websocket.Upgrader{Subprotocols: []string{remotecommand.StreamProtocolV5Name}, CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	v := &v5{conn: conn, resize: make(chan remotecommand.TerminalSize, 1)}
	v.in, v.feed = io.Pipe()
	go func() {
		// The caller's going away ends the command.
		defer cancel()
		v.read(ctx)
	}()
	v.report(session(ctx, v))
	if err := v.in.Close(); err != nil {
		s.log.Debug("close stdin", "err", err)
	}
}

// read takes messages apart until the connection ends.
func (v *v5) read(ctx context.Context) {
	defer close(v.resize)
	defer v.feed.Close()
	for {
		kind, m, err := v.conn.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.BinaryMessage || len(m) == 0 {
			continue
		}
		switch m[0] {
		case channelStdin:
			if _, err := v.feed.Write(m[1:]); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				return
			}
		case channelResize:
			var size remotecommand.TerminalSize
			if json.Unmarshal(m[1:], &size) != nil {
				continue
			}
			select {
			case v.resize <- size:
			case <-ctx.Done():
				return
			}
		case channelClose:
			if len(m) > 1 && m[1] == channelStdin {
				v.feed.Close()
			}
		}
	}
}

func (v *v5) stdin(o *remotecommand.Options) io.Reader {
	if !o.Stdin {
		return nil
	}
	return v.in
}

// writer returns a channel to the caller, or nil when it is not wanted.
func (v *v5) writer(wanted bool, channel byte) io.WriteCloser {
	if !wanted {
		return nil
	}
	return &v5Writer{v, channel}
}

type v5Writer struct {
	*v5
	channel byte
}

func (w *v5Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := make([]byte, 0, len(p)+1)
	if err := w.conn.WriteMessage(websocket.BinaryMessage, append(append(m, w.channel), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *v5Writer) Close() error { return nil }

// report sends how the session ended as a Status, and closes.
func (v *v5) report(err error) {
	status := metav1.Status{Status: metav1.StatusSuccess}
	var exit utilexec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		status = metav1.Status{Status: metav1.StatusFailure, Reason: remotecommand.NonZeroExitCodeReason,
			Message: fmt.Sprintf("command terminated with non-zero exit code: %v", exit),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: remotecommand.ExitCodeCauseType, Message: strconv.Itoa(exit.ExitStatus())}}}}
	case err != nil:
		status = metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError, Code: http.StatusInternalServerError,
			Message: fmt.Sprintf("error executing command in container: %v", err)}
	}
	text, err := json.Marshal(status)
	if err != nil {
		return
	}
	if _, err := (&v5Writer{v, channelStatus}).Write(text); err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	// The caller may be gone; there is nobody to tell.
	_ = v.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
}

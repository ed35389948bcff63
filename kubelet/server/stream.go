package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/streaming/pkg/httpstream/wsstream"
	utilexec "k8s.io/utils/exec"
	"minke/kubelet/cri"
)

const (
	streamIdle     = 4 * time.Hour
	streamCreation = remotecommand.DefaultStreamCreationTimeout
)

// adapter gives the streaming packages a runtime; names are container and
// sandbox IDs.
type adapter struct{ cri.Streamer }

var (
	_ remotecommand.Executor    = adapter{}
	_ remotecommand.Attacher    = adapter{}
	_ portforward.PortForwarder = adapter{}
)

// ExecInContainer runs a command.
func (a adapter) ExecInContainer(ctx context.Context, _, _, container string, cmd []string, in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	return bareExit(a.ExecStream(ctx, container, cmd, in, out, err, tty, resize))
}

// AttachContainer attaches to the container's first process.
func (a adapter) AttachContainer(ctx context.Context, _, _, container string, in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	return a.AttachStream(ctx, container, in, out, err, tty, resize)
}

// PortForward connects a stream to a port of the sandbox.
func (a adapter) PortForward(ctx context.Context, sandbox, _ string, port int32, stream io.ReadWriteCloser) error {
	return a.PortForwardStream(ctx, sandbox, port, stream)
}

// bareExit takes the wrapping off an exit code: the streaming package looks at
// the error itself only.
func bareExit(err error) error {
	var exit utilexec.ExitError
	if errors.As(err, &exit) {
		return exit
	}
	return err
}

// streamer returns the runtime's ability to stream, or answers without it.
func (s *Server) streamer(w http.ResponseWriter, r *http.Request) cri.Streamer {
	if r.Method != http.MethodPost && !wsstream.IsWebSocketRequest(r) {
		// A GET that is no upgrade does nothing.
		if r.Header.Get("Upgrade") == "" {
			http.Error(w, "an upgrade to SPDY/3.1 or WebSocket is required", http.StatusBadRequest)
			return nil
		}
	}
	st, ok := s.Runtime.(cri.Streamer)
	if !ok {
		http.Error(w, "streaming through this container runtime is not implemented", http.StatusNotImplemented)
		return nil
	}
	return st
}

// running finds the running container that the path names.
func (s *Server) running(w http.ResponseWriter, r *http.Request, pod *corev1.Pod) string {
	name := r.PathValue("container")
	state, err := cri.Inspect(r.Context(), s.Runtime, string(pod.UID))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return ""
	}
	c := state.Latest(name)
	if c == nil {
		http.Error(w, fmt.Sprintf("container not found (%q)", name), http.StatusNotFound)
		return ""
	}
	if c.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		http.Error(w, fmt.Sprintf("container %q of pod %q is not running", name, pod.Name), http.StatusInternalServerError)
		return ""
	}
	return c.Id
}

// options reads which streams the caller wants, by the names of the kubelet's
// API (input, output, error) or of the pods' API (stdin, stdout, stderr).
func options(r *http.Request) (*remotecommand.Options, error) {
	q := r.URL.Query()
	is := func(names ...string) bool {
		for _, n := range names {
			if v := q.Get(n); v == "1" || v == "true" {
				return true
			}
		}
		return false
	}
	o := &remotecommand.Options{Stdin: is("input", "stdin"), Stdout: is("output", "stdout"), Stderr: is("error", "stderr"), TTY: is("tty")}
	if o.TTY {
		o.Stderr = false // a terminal has one output
	}
	if !o.Stdin && !o.Stdout && !o.Stderr {
		return nil, errors.New("you must specify at least 1 of stdin, stdout, stderr")
	}
	return o, nil
}

func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	command := r.URL.Query()["command"]
	if len(command) == 0 {
		http.Error(w, "you must specify a command", http.StatusBadRequest)
		return
	}
	st, id, o := s.session(w, r)
	if st == nil {
		return
	}
	if asksV5(r) {
		s.serveV5(w, r, o, func(ctx context.Context, v *v5) error {
			return bareExit(st.ExecStream(ctx, id, command, v.stdin(o), v.writer(o.Stdout, 1), v.writer(o.Stderr, 2), o.TTY, v.resize))
		})
		return
	}
	remotecommand.ServeExec(w, r, adapter{st}, "", "", id, command, o, streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	st, id, o := s.session(w, r)
	if st == nil {
		return
	}
	if asksV5(r) {
		s.serveV5(w, r, o, func(ctx context.Context, v *v5) error {
			return st.AttachStream(ctx, id, v.stdin(o), v.writer(o.Stdout, 1), v.writer(o.Stderr, 2), o.TTY, v.resize)
		})
		return
	}
	remotecommand.ServeAttach(w, r, adapter{st}, "", "", id, o, streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

// session prepares exec and attach, or answers why not.
func (s *Server) session(w http.ResponseWriter, r *http.Request) (cri.Streamer, string, *remotecommand.Options) {
	st := s.streamer(w, r)
	if st == nil {
		return nil, "", nil
	}
	pod := s.pod(w, r)
	if pod == nil {
		return nil, "", nil
	}
	o, err := options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, "", nil
	}
	id := s.running(w, r, pod)
	if id == "" {
		return nil, "", nil
	}
	return st, id, o
}

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	st := s.streamer(w, r)
	if st == nil {
		return
	}
	pod := s.pod(w, r)
	if pod == nil {
		return
	}
	state, err := cri.Inspect(r.Context(), s.Runtime, string(pod.UID))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	box := state.Ready()
	if box == nil {
		http.Error(w, fmt.Sprintf("sandbox of pod %q is not running", pod.Name), http.StatusInternalServerError)
		return
	}
	if asksTunnel(r) {
		s.tunnel(w, r, adapter{st}, box.Id)
		return
	}
	o, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, adapter{st}, box.Id, "", o, streamIdle, streamCreation, portforward.SupportedProtocols)
}

// run executes a command without streams and answers its output.
func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	pod := s.pod(w, r)
	if pod == nil {
		return
	}
	command := r.URL.Query()["cmd"]
	if len(command) == 0 {
		http.Error(w, "you must specify cmd", http.StatusBadRequest)
		return
	}
	id := s.running(w, r, pod)
	if id == "" {
		return
	}
	answer, err := s.Runtime.ExecSync(r.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: 120})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	if _, err := w.Write(append(answer.Stdout, answer.Stderr...)); err != nil {
		s.log.Debug("answer run", "err", err)
	}
}

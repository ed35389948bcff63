package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
)

// streamServer serves exec, attach and port-forward at the URLs that CRI hands
// out. It listens from the first use on; each URL carries a token that is good
// once.
type streamServer struct {
	mu     sync.Mutex // guards what follows
	server streaming.Server
	http   *http.Server
}

// streamRuntime is Runtime in the shape that the streaming library wants.
type streamRuntime struct{ r *Runtime }

func (s streamRuntime) Exec(ctx context.Context, id string, cmd []string, in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan TerminalSize) error {
	return s.r.ExecStream(ctx, id, cmd, in, writer(out), writer(err), tty, resize)
}

func (s streamRuntime) Attach(ctx context.Context, id string, in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan TerminalSize) error {
	return s.r.AttachStream(ctx, id, in, writer(out), writer(err), tty, resize)
}

func (s streamRuntime) PortForward(ctx context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	return s.r.PortForwardStream(ctx, id, port, stream)
}

// writer keeps nil nil.
func writer(w io.WriteCloser) io.Writer {
	if w == nil {
		return nil
	}
	return w
}

func (s *streamServer) get(r *Runtime) (streaming.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return s.server, nil
	}
	address := r.config.StreamAddress
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve streams: %w", err)
	}
	config := streaming.DefaultConfig
	config.Addr = l.Addr().String()
	server, err := streaming.NewServer(config, streamRuntime{r})
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("serve streams: %w", err)
	}
	s.server = server
	s.http = &http.Server{Handler: server, ReadHeaderTimeout: 30 * time.Second}
	serve := s.http
	r.background.Go(func() {
		if err := serve.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.log.Error("serve streams", "err", err)
		}
	})
	context.AfterFunc(r.ctx, func() { serve.Close() })
	return server, nil
}

func (s *streamServer) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

// Exec returns the URL of a session.
func (r *Runtime) Exec(_ context.Context, req *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	if _, err := r.running(c); err != nil {
		return nil, err
	}
	s, err := r.stream.get(r)
	if err != nil {
		return nil, err
	}
	return s.GetExec(req)
}

// Attach returns the URL of a session.
func (r *Runtime) Attach(_ context.Context, req *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	if _, err := r.running(c); err != nil {
		return nil, err
	}
	s, err := r.stream.get(r)
	if err != nil {
		return nil, err
	}
	return s.GetAttach(req)
}

// PortForward returns the URL of a session.
func (r *Runtime) PortForward(_ context.Context, req *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	if _, err := r.sandbox(req.GetPodSandboxId()); err != nil {
		return nil, err
	}
	s, err := r.stream.get(r)
	if err != nil {
		return nil, err
	}
	return s.GetPortForward(req)
}

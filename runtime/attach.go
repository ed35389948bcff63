package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/shim"
)

// AttachStream joins a running container's streams until it ends, ctx ends or
// its output's reader is gone. Streams that are nil are left alone.
func (r *Runtime) AttachStream(ctx context.Context, containerID string, stdin io.Reader, stdout, stderr io.Writer, tty bool, resize <-chan TerminalSize) error {
	c, err := r.container(containerID)
	if err != nil {
		return err
	}
	s, err := r.running(c)
	if err != nil {
		return err
	}
	outs, theirs, err := attachPipes(stdout, stderr)
	if err != nil {
		return fmt.Errorf("attach to container %s: %w", c.ID, err)
	}
	a, err := s.shim.Attach(ctx, c.ID, theirs...)
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		for _, o := range outs {
			o.from.Close()
		}
		return fmt.Errorf("attach to container %s: %w", c.ID, err)
	}
	done := make(chan struct{})
	defer close(done)
	if a.Stdin != nil {
		defer a.Stdin.Close()
		if a.TTY {
			go follow(a.Stdin, resize, done)
		}
		if stdin != nil {
			go r.feed(s, c, a, stdin)
		}
	}
	return carry(ctx, outs, c.exited)
}

// feed copies to the container's stdin, and closes it for good when the
// container wants only one such session.
func (r *Runtime) feed(s *sandbox, c *container, a shim.Attachment, stdin io.Reader) {
	_, err := io.Copy(a.Stdin, stdin)
	if err != nil && errors.Is(err, os.ErrClosed) || a.TTY || !c.config.GetStdinOnce() {
		return
	}
	// The copy that this end is must go first.
	a.Stdin.Close()
	if err := s.shim.CloseStdin(r.ctx, c.ID); err != nil && !errors.Is(err, shim.ErrNotFound) && !errors.Is(err, shim.ErrGone) {
		r.log.Warn("close container's stdin", "container", c.ID, "err", err)
	}
}

// attachPipes makes the pipes for stdout and stderr, in this order; what is not
// wanted goes to /dev/null.
func attachPipes(stdout, stderr io.Writer) (outs []outStream, theirs []*os.File, err error) {
	for _, w := range []io.Writer{stdout, stderr} {
		var theirEnd *os.File
		if w == nil {
			theirEnd, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		} else {
			var ours *os.File
			if ours, theirEnd, err = os.Pipe(); err == nil {
				outs = append(outs, outStream{ours, w})
			}
		}
		if err != nil {
			break
		}
		theirs = append(theirs, theirEnd)
	}
	if err != nil {
		for _, f := range theirs {
			f.Close()
		}
		for _, o := range outs {
			o.from.Close()
		}
	}
	return outs, theirs, err
}

// carry copies until the container's end has closed all pipes.
func carry(ctx context.Context, outs []outStream, exited <-chan struct{}) error {
	ends := make(chan error, len(outs))
	for _, o := range outs {
		go func() {
			_, err := io.Copy(o.to, o.from)
			ends <- err
		}()
	}
	stop := context.AfterFunc(ctx, func() {
		for _, o := range outs {
			_ = o.from.SetReadDeadline(time.Now())
		}
	})
	defer stop()
	var err error
	for range outs {
		if e := <-ends; e != nil && ctx.Err() == nil {
			err = e
			break
		}
	}
	if len(outs) == 0 {
		select {
		case <-exited:
		case <-ctx.Done():
		}
	}
	for _, o := range outs {
		o.from.Close()
	}
	return errors.Join(err, ctx.Err())
}

// ReopenContainerLog makes the container write to a new file after a rotation.
func (r *Runtime) ReopenContainerLog(ctx context.Context, req *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	s, err := r.running(c)
	if err != nil {
		return nil, err
	}
	log, err := openLog(s.config.GetLogDirectory(), c.config.GetLogPath())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := s.shim.Reopen(ctx, c.ID, log); err != nil {
		return nil, fmt.Errorf("reopen log of container %s: %w", c.ID, err)
	}
	return &runtimeapi.ReopenContainerLogResponse{}, nil
}

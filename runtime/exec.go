package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"minke/runtime/cgroup"
	"minke/runtime/plan"
	"minke/runtime/shim"
)

// TerminalSize is a terminal's, in characters.
type TerminalSize = remotecommand.TerminalSize

// maxSyncOutput bounds each stream of ExecSync, as CRI asks.
const maxSyncOutput = 16 << 20

// ExecSync runs a command to its end, or to the timeout (seconds, 0 for none),
// after which the command is killed and the error is DeadlineExceeded.
func (r *Runtime) ExecSync(ctx context.Context, req *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	timeout := time.Duration(req.GetTimeout()) * time.Second
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	stdout, stderr := &bounded{left: maxSyncOutput}, &bounded{left: maxSyncOutput}
	err := r.ExecStream(ctx, req.GetContainerId(), req.GetCmd(), nil, stdout, stderr, false, nil)
	out := &runtimeapi.ExecSyncResponse{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit utilexec.ExitError
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &exit):
		out.ExitCode = int32(exit.ExitStatus())
		return out, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, status.Errorf(codes.DeadlineExceeded, "failed to exec in container: timeout %v exceeded: %v", timeout, err)
	}
	return nil, err
}

// bounded keeps the first bytes and drops the rest, so that the command goes on.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// ExecStream runs a command in a running container and returns when it ended:
// nil for exit code 0, an error that is a k8s.io/utils/exec.ExitError for
// another. Streams that are nil are /dev/null. When ctx ends the command is
// killed.
func (r *Runtime) ExecStream(ctx context.Context, containerID string, cmd []string, stdin io.Reader, stdout, stderr io.Writer, tty bool, resize <-chan TerminalSize) error {
	c, err := r.container(containerID)
	if err != nil {
		return err
	}
	s, err := r.running(c)
	if err != nil {
		return err
	}
	if len(cmd) == 0 {
		return status.Error(codes.InvalidArgument, "exec: no command specified")
	}
	req, err := r.execRequest(s, c, cmd, tty)
	if err != nil {
		return fmt.Errorf("exec in container %s: %w", c.ID, err)
	}
	if req.Cgroup != nil {
		defer req.Cgroup.Close()
	}
	var p *shim.Process
	var io *execIO
	if tty {
		if p, err = s.shim.Exec(ctx, *req); err == nil {
			io = terminalIO(p.Master, stdin, stdout, resize)
		}
	} else if io, err = pipeIO(req, stdin, stdout, stderr); err == nil {
		p, err = s.shim.Exec(ctx, *req)
		io.started(err == nil)
	}
	if err != nil {
		return fmt.Errorf("failed to exec in container: %w", err)
	}
	code, err := p.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		_ = p.Kill(context.WithoutCancel(ctx)) // it may have ended just now
	}
	io.finish()
	switch {
	case err != nil:
		return err
	case code != 0:
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: int(code)}
	}
	return nil
}

// running returns the sandbox of a container that runs.
func (r *Runtime) running(c *container) (*sandbox, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c.state != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return nil, status.Errorf(codes.FailedPrecondition, "container %s is in the state %s", c.ID, c.state)
	}
	s := r.sandboxes[c.SandboxID]
	if s == nil || s.shim == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "container %s has lost its sandbox", c.ID)
	}
	return s, nil
}

func (r *Runtime) execRequest(s *sandbox, c *container, cmd []string, tty bool) (*shim.ExecRequest, error) {
	g, err := r.group(c, s.config, noResources())
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{}
	req := &shim.ExecRequest{ID: c.ID, TTY: tty, Plan: p}
	if cgroup.V2() {
		if req.Cgroup, err = g.Directory(); err != nil {
			return nil, err
		}
	} else {
		for _, f := range g.JoinFiles() {
			p.Add(plan.Cgroup, f)
		}
	}
	if tty {
		p.Add(plan.Env, "TERM=xterm")
	}
	return req, r.planProcess(p, c, cmd)
}

// execIO carries a command's streams.
type execIO struct {
	theirs []*os.File // given to the command, ours to close
	ins    *os.File   // where stdin is written
	in     io.Reader
	outs   []outStream
	done   chan struct{}
	copied chan struct{} // one value for each of outs
}

type outStream struct {
	from *os.File
	to   io.Writer
}

func pipeIO(req *shim.ExecRequest, stdin io.Reader, stdout, stderr io.Writer) (*execIO, error) {
	e := &execIO{in: stdin}
	open := func(wanted bool, write bool) (*os.File, *os.File, error) {
		if !wanted {
			f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			return f, nil, err
		}
		pr, pw, err := os.Pipe()
		if write {
			return pr, pw, err
		}
		return pw, pr, err
	}
	var err1, err2, err3 error
	var out, errs *os.File
	req.Stdin, e.ins, err1 = open(stdin != nil, true)
	req.Stdout, out, err2 = open(stdout != nil, false)
	req.Stderr, errs, err3 = open(stderr != nil, false)
	for _, f := range []*os.File{req.Stdin, req.Stdout, req.Stderr} {
		if f != nil {
			e.theirs = append(e.theirs, f)
		}
	}
	if out != nil {
		e.outs = append(e.outs, outStream{out, stdout})
	}
	if errs != nil {
		e.outs = append(e.outs, outStream{errs, stderr})
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		e.started(false)
		return nil, err
	}
	return e, nil
}

// started lets go of the command's ends, and begins to copy if it runs.
func (e *execIO) started(ok bool) {
	for _, f := range e.theirs {
		f.Close()
	}
	if !ok {
		if e.ins != nil {
			e.ins.Close()
		}
		for _, o := range e.outs {
			o.from.Close()
		}
		return
	}
	e.copied = make(chan struct{}, len(e.outs))
	if e.ins != nil {
		go func() { // ends with the reader, which the caller closes, or a write to nobody
			_, _ = io.Copy(e.ins, e.in)
			e.ins.Close()
		}()
	}
	for _, o := range e.outs {
		go func() {
			_, _ = io.Copy(o.to, o.from) // ends with the pipe, the reader of o.to, or finish
			e.copied <- struct{}{}
		}()
	}
}

// finish takes what the ended command has left in its pipes. It does not wait
// for what it left running, which may hold them open for ever.
func (e *execIO) finish() {
	for _, o := range e.outs {
		_ = o.from.SetReadDeadline(time.Now())
	}
	for range e.outs {
		<-e.copied
	}
	for _, o := range e.outs {
		drain(o)
		o.from.Close()
	}
	if e.done != nil {
		close(e.done)
	}
}

func drain(o outStream) {
	if o.from.SetReadDeadline(time.Time{}) != nil {
		return
	}
	raw, err := o.from.SyscallConn()
	if err != nil {
		return
	}
	b := make([]byte, 32<<10)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.Read(int(fd), b)
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		if _, err := o.to.Write(b[:n]); err != nil {
			return
		}
	}
}

// terminalIO copies through a terminal's master until finish.
func terminalIO(master *os.File, stdin io.Reader, stdout io.Writer, resize <-chan TerminalSize) *execIO {
	e := &execIO{done: make(chan struct{}), copied: make(chan struct{}, 1)}
	if stdout == nil {
		stdout = io.Discard
	}
	e.outs = []outStream{{master, stdout}}
	go func() {
		_, _ = io.Copy(stdout, master) // ends with EIO when the last process has closed the terminal
		e.copied <- struct{}{}
	}()
	if stdin != nil {
		go func() { _, _ = io.Copy(master, stdin) }()
	}
	go follow(master, resize, e.done)
	return e
}

// follow gives the terminal each size that comes, until done or the end of
// the sizes.
func follow(master *os.File, resize <-chan TerminalSize, done <-chan struct{}) {
	for resize != nil {
		select {
		case <-done:
			return
		case size, ok := <-resize:
			if !ok {
				return
			}
			setSize(master, size)
		}
	}
}

func setSize(master *os.File, size TerminalSize) {
	raw, err := master.SyscallConn()
	if err != nil {
		return // closed meanwhile
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Height, Col: size.Width})
	})
}

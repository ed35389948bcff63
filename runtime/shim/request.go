package shim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"minke/runtime/plan"
)

// Flags say how a process is started, as START_* in helper.h.
type Flags int64

// The flags. FlagLog and FlagIntoCgroup are set by the methods themselves.
const (
	FlagTTY Flags = 1 << iota
	FlagStdin
	FlagStdinOnce
	FlagLog
	FlagIntoCgroup
	FlagPIDPod
	FlagPIDHost
	FlagPIDTarget
	FlagCgroupNS
)

// StartRequest is a container's start.
type StartRequest struct {
	ID     string
	Target string // the container whose PID namespace is joined, with FlagPIDTarget
	Flags  Flags
	Plan   *plan.Plan
	Dir    *os.File // the container's state directory, where started and exit go
	Log    *os.File // may be nil
	Cgroup *os.File // cgroup v2 directory; nil on v1, where the plan joins
}

// Start returns once the program runs, with its process ID and when.
func (s *Shim) Start(ctx context.Context, r StartRequest) (pid int, at time.Time, err error) {
	file, err := r.Plan.File()
	if err != nil {
		return 0, time.Time{}, err
	}
	defer file.Close()
	files := []*os.File{file, r.Dir}
	if r.Log != nil {
		files, r.Flags = append(files, r.Log), r.Flags|FlagLog
	}
	if r.Cgroup != nil {
		files, r.Flags = append(files, r.Cgroup), r.Flags|FlagIntoCgroup
	}
	m, err := s.call(ctx, &message{Type: msgStart, A: int64(r.Flags), ID: r.ID, Ref: r.Target}, files...)
	if err != nil {
		return 0, time.Time{}, err
	}
	return int(m.A), time.Unix(0, m.B), nil
}

// ExecRequest is a further process in a running container.
type ExecRequest struct {
	ID                    string
	TTY                   bool
	Plan                  *plan.Plan
	Cgroup                *os.File
	Stdin, Stdout, Stderr *os.File // not with TTY
}

// Process is a running exec.
type Process struct {
	PID    int
	Master *os.File // the terminal, with TTY; the caller closes it
	shim   *Shim
	number int64
	done   chan int32
}

// Exec starts a process. The request's files are the caller's to close.
func (s *Shim) Exec(ctx context.Context, r ExecRequest) (*Process, error) {
	file, err := r.Plan.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files, flags := []*os.File{file}, Flags(0)
	if r.Cgroup != nil {
		files, flags = append(files, r.Cgroup), FlagIntoCgroup
	}
	if r.TTY {
		flags |= FlagTTY
	} else {
		files = append(files, r.Stdin, r.Stdout, r.Stderr)
	}
	done := make(chan int32, 1)
	m := &message{Type: msgExec, A: int64(flags), ID: r.ID}
	answer, err := s.send(m, done, files...)
	if err != nil {
		return nil, err
	}
	type result struct {
		p   *Process
		err error
	}
	begun := make(chan result, 1)
	go func() { // ends with the reply, or with the helper
		p, err := s.begun(m.Seq, answer, done)
		begun <- result{p, err}
	}()
	select {
	case r := <-begun:
		return r.p, r.err
	case <-ctx.Done():
		go func() { // a process that nobody has must not run on
			if r := <-begun; r.err == nil {
				if r.p.Master != nil {
					r.p.Master.Close()
				}
				_ = r.p.Kill(context.WithoutCancel(ctx)) // it may have ended just now
			}
		}()
		return nil, ctx.Err()
	}
}

// begun waits for the helper to say that an exec's program runs.
func (s *Shim) begun(seq uint32, answer chan *message, done chan int32) (*Process, error) {
	reply, err := s.wait(context.Background(), seq, answer)
	if err != nil {
		s.mu.Lock()
		delete(s.execs, seq)
		s.mu.Unlock()
		return nil, err
	}
	p := &Process{PID: int(reply.A), shim: s, number: reply.B, done: done}
	if len(reply.Files) > 0 {
		p.Master = reply.Files[0]
	}
	return p, nil
}

// Wait returns the exit code, 128+n for signal n.
func (p *Process) Wait(ctx context.Context) (int32, error) {
	select {
	case code, ok := <-p.done:
		if !ok {
			return 0, ErrGone
		}
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Kill ends the process and its process group.
func (p *Process) Kill(ctx context.Context) error {
	_, err := p.shim.call(ctx, &message{Type: msgKillExec, A: int64(unix.SIGKILL), B: p.number})
	return err
}

// Signal sends a signal to a container's first process. The helper has not
// reaped it, so the signal never meets a stranger.
func (s *Shim) Signal(ctx context.Context, id string, sig unix.Signal) error {
	_, err := s.call(ctx, &message{Type: msgKill, ID: id, A: int64(sig)})
	return err
}

// Reopen makes the container's log go to another file.
func (s *Shim) Reopen(ctx context.Context, id string, log *os.File) error {
	_, err := s.call(ctx, &message{Type: msgReopen, ID: id}, log)
	return err
}

// Attachment is what an attach gives: the write end of stdin (nil when the
// container has none) or its terminal.
type Attachment struct {
	Stdin *os.File
	TTY   bool
}

// Attach copies the container's further output to the files, whose copies the
// helper keeps; the caller closes its own.
func (s *Shim) Attach(ctx context.Context, id string, files ...*os.File) (Attachment, error) {
	m, err := s.call(ctx, &message{Type: msgAttach, ID: id}, files...)
	if err != nil {
		return Attachment{}, err
	}
	a := Attachment{TTY: m.A != 0}
	if len(m.Files) > 0 {
		a.Stdin = m.Files[0]
	}
	return a, nil
}

// CloseStdin ends the container's standard input.
func (s *Shim) CloseStdin(ctx context.Context, id string) error {
	_, err := s.call(ctx, &message{Type: msgCloseStdin, ID: id})
	return err
}

// NetSocket returns a stream socket made in the pod's network namespace, where
// it stays whoever uses it. Domain is AF_INET or AF_INET6.
func (s *Shim) NetSocket(ctx context.Context, domain int) (*os.File, error) {
	m, err := s.call(ctx, &message{Type: msgSocket, A: int64(domain), B: unix.SOCK_STREAM})
	if err != nil {
		return nil, err
	}
	if len(m.Files) != 1 {
		closeAll(m.Files)
		return nil, errors.New("shim: no socket came")
	}
	return m.Files[0], nil
}

// Running returns the process ID of a container's first process and when it
// started (zero while it is being set up), or ErrNotFound.
func (s *Shim) Running(ctx context.Context, id string) (pid int, at time.Time, err error) {
	m, err := s.call(ctx, &message{Type: msgHello, ID: id})
	if err != nil {
		return 0, time.Time{}, err
	}
	if m.B != 0 {
		at = time.Unix(0, m.B)
	}
	return int(m.A), at, nil
}

// Quit ends the helper, which ends what still runs in the pod.
func (s *Shim) Quit(ctx context.Context) error {
	_, err := s.call(ctx, &message{Type: msgQuit})
	if err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("shim: quit: %w", err)
	}
	return nil
}

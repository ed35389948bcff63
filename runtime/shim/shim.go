// Package shim starts pod helpers and talks with them. A helper is one pod's
// pause process and shim; it outlives the agent, which connects to it again
// through the socket in the pod's state directory.
//
// A Shim has one goroutine, which reads what the helper says. It ends when the
// helper is gone or Close is called.
package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"minke/runtime/helper"
	"minke/runtime/plan"
)

// Socket is the name of the helper's socket in the pod's state directory.
const Socket = "shim.sock"

// ErrGone means that the helper is no more, and with it the pod's processes.
var ErrGone = errors.New("the pod's shim is gone")

// ErrNotFound means that the helper knows no such process (any more).
var ErrNotFound = errors.New("process not found")

// Handler is told what happens, on the Shim's goroutine: it must not block.
type Handler interface {
	// Exited tells that a container's first process ended, with the exit code
	// (128+n for signal n) and the time in nanoseconds since 1970.
	Exited(containerID string, code int32, at int64)
	// Gone tells that the helper ended. It is not called after Close.
	Gone()
}

// Shim is the connection to one helper.
type Shim struct {
	conn    *net.UnixConn
	handler Handler
	pid     int // of a helper that is our child, else 0

	mu     sync.Mutex // guards what follows
	seq    uint32
	calls  map[uint32]chan *message
	execs  map[uint32]chan int32
	closed bool
	gone   bool
}

// Start makes the pod's namespaces and helper as the plan says; dir is the
// pod's state directory. It returns the helper's process ID.
func Start(dir string, p *plan.Plan, h Handler) (*Shim, int, error) {
	file, err := helper.File()
	if err != nil {
		return nil, 0, err
	}
	planFile, err := p.File()
	if err != nil {
		return nil, 0, err
	}
	defer planFile.Close()
	listener, err := listen(dir)
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(listener)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("shim: socket pair: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	defer null.Close()
	n := null.Fd()
	pid, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), []string{"minke-pod"}, &syscall.ProcAttr{
		Dir: "/", Env: []string{},
		Files: []uintptr{n, n, n, planFile.Fd(), uintptr(listener), uintptr(pair[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	unix.Close(pair[1])
	if err != nil {
		unix.Close(pair[0])
		return nil, 0, fmt.Errorf("shim: start: %w", err)
	}
	s, err := connected(pair[0], h)
	if err == nil {
		s.pid = pid
		err = s.ready()
	} else {
		unix.Close(pair[0])
	}
	if err != nil {
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, 0, nil)
		return nil, 0, err
	}
	go s.read()
	return s, pid, nil
}

// listen makes the socket through the directory's descriptor, since a socket's
// path may have only 108 bytes.
func listen(dir string) (int, error) {
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("shim: open %s: %w", dir, err)
	}
	defer unix.Close(d)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("shim: socket: %w", err)
	}
	name := fmt.Sprintf("/proc/self/fd/%d/%s", d, Socket)
	if err := errors.Join(ignoreMissing(os.Remove(filepath.Join(dir, Socket))), unix.Bind(fd, &unix.SockaddrUnix{Name: name})); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("shim: bind %s: %w", filepath.Join(dir, Socket), err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("shim: listen: %w", err)
	}
	return fd, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func connected(fd int, h Handler) (*Shim, error) {
	f := os.NewFile(uintptr(fd), "shim")
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	f.Close()
	return &Shim{conn: c.(*net.UnixConn), handler: h, calls: map[uint32]chan *message{}, execs: map[uint32]chan int32{}}, nil
}

// ready waits for the helper's first word: R, or E and why not.
func (s *Shim) ready() error {
	b := make([]byte, maxText)
	n, err := s.conn.Read(b)
	switch {
	case err != nil || n == 0:
		return fmt.Errorf("shim: it ended during its set-up: %w", ErrGone)
	case b[0] == 'R':
		return nil
	}
	return fmt.Errorf("pod: %s", b[1:n])
}

// Connect reaches a helper that lives already.
func Connect(dir string, h Handler) (*Shim, error) {
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("shim: open %s: %w", dir, err)
	}
	defer unix.Close(d)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("shim: socket: %w", err)
	}
	if err := connect(fd, fmt.Sprintf("/proc/self/fd/%d/%s", d, Socket)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("shim: connect %s: %w", filepath.Join(dir, Socket), err)
	}
	s, err := connected(fd, h)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	go s.read()
	return s, nil
}

// connect fails with ErrGone only if nobody listens. A helper that is merely slow
// to answer has its containers still.
func connect(fd int, name string) error {
	for {
		err := unix.Connect(fd, &unix.SockaddrUnix{Name: name})
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOENT):
			return errors.Join(ErrGone, err)
		}
		return err
	}
}

func (s *Shim) read() {
	b, oob := make([]byte, headLen+maxText), make([]byte, unix.CmsgSpace(4*maxFDs))
	for {
		n, nc, _, _, err := s.conn.ReadMsgUnix(b, oob)
		if err != nil || n == 0 {
			break
		}
		m, err := decode(b[:n])
		if err != nil {
			break
		}
		if m.Files, err = received(oob[:nc]); err != nil {
			break
		}
		s.dispatch(m)
	}
	s.end()
}

func (s *Shim) dispatch(m *message) {
	switch m.Type {
	case msgExit:
		s.handler.Exited(m.ID, int32(m.A), m.C)
	case msgExecExit:
		s.mu.Lock()
		c := s.execs[m.Seq]
		delete(s.execs, m.Seq)
		s.mu.Unlock()
		if c != nil {
			c <- int32(m.A)
		}
	case msgReply:
		s.mu.Lock()
		c := s.calls[m.Seq]
		delete(s.calls, m.Seq)
		s.mu.Unlock()
		if c != nil {
			c <- m
			return
		}
		closeAll(m.Files) // nobody waits any more
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// end reaps the helper and fails everything that waits for it.
func (s *Shim) end() {
	s.conn.Close()
	s.mu.Lock()
	closed := s.closed
	s.gone = true
	for seq, c := range s.calls {
		close(c)
		delete(s.calls, seq)
	}
	for seq, c := range s.execs {
		close(c)
		delete(s.execs, seq)
	}
	s.mu.Unlock()
	if closed {
		return
	}
	if s.pid != 0 {
		// It closed its end, so it has ended or is a bug to be ended.
		unix.Kill(s.pid, unix.SIGKILL)
		unix.Wait4(s.pid, nil, 0, nil)
	}
	s.handler.Gone()
}

// Close leaves the helper, which lives on.
func (s *Shim) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.conn.Close()
}

// call sends a request and waits for its reply. A request given up by its
// context is still carried out by the helper.
func (s *Shim) call(ctx context.Context, m *message, files ...*os.File) (*message, error) {
	answer, err := s.send(m, nil, files...)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, m.Seq, answer)
}

// send numbers the request; an exec's end is announced on done.
func (s *Shim) send(m *message, done chan int32, files ...*os.File) (chan *message, error) {
	answer := make(chan *message, 1)
	s.mu.Lock()
	if s.gone || s.closed {
		s.mu.Unlock()
		return nil, ErrGone
	}
	s.seq++
	m.Seq = s.seq
	s.calls[m.Seq] = answer
	if done != nil {
		s.execs[m.Seq] = done
	}
	s.mu.Unlock()
	b, err := m.encode()
	if err == nil {
		err = s.write(b, files)
	}
	if err != nil {
		s.mu.Lock()
		delete(s.calls, m.Seq)
		delete(s.execs, m.Seq)
		s.mu.Unlock()
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, net.ErrClosed) {
			return nil, ErrGone // read is about to find out, too
		}
		return nil, fmt.Errorf("shim: send: %w", err)
	}
	return answer, nil
}

func (s *Shim) write(b []byte, files []*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err := s.conn.WriteMsgUnix(b, rights, nil)
	return err
}

func (s *Shim) wait(ctx context.Context, seq uint32, answer chan *message) (*message, error) {
	select {
	case m := <-answer:
		switch {
		case m == nil:
			return nil, ErrGone
		case m.Text == "not found":
			return nil, ErrNotFound
		case m.Text != "":
			closeAll(m.Files)
			return nil, errors.New(m.Text)
		}
		return m, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.calls, seq)
		s.mu.Unlock()
		return nil, ctx.Err()
	}
}

package h2

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"unsafe"

	"minke/apiserver/poll"
)

// Listener returns l with connections that can be written to without waiting
// for the client: TLS seals whole records, and what the kernel has no room for
// of one must be kept until it has. Connections of other listeners work, too,
// but every write to them may wait.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c, nil // closed already: who uses it will learn that
	}
	s := &socket{Conn: poll.New(tcp, raw), raw: raw}
	s.try = s.attempt
	return s, nil
}

// socket is a connection below TLS.
//
//	         patient                          eager
//	Write    rest, then all of it: may wait   what fits; the remainder to rest
//
// Each Write is of one record. The kernel is told when more of them follow
// (MSG_MORE), and sends them together: most of what a write costs it is spent on
// the packet, not on the bytes.
type socket struct {
	*poll.Conn
	raw syscall.RawConn
	// reading, if it is set, is left while nothing has come.
	reading *pass

	mu    sync.Mutex // guards all below; one write at a time
	eager bool
	rest  []byte // sealed, and not yet the kernel's
	// records are those of the write under way that are still to come.
	records int
	// writing, while it is set, is left while the client is waited for.
	writing *pass

	// The attempt under way, and the method attempt as a value.
	p    []byte
	more bool // to follow
	err  error
	try  func(fd uintptr) bool
}

// maxRecord is how much TLS seals at most in one record (RFC 8446, section 5.1).
const maxRecord = 16 << 10

// announce tells the socket that size bytes will come in as many records as
// they need.
func (s *socket) announce(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = (size + maxRecord - 1) / maxRecord
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = max(s.records-1, 0)
	s.more = s.records > 0
	if s.eager {
		return s.writeEager(p)
	}
	if err := s.writeRest(); err != nil {
		return 0, err
	}
	if s.writing != nil || s.more {
		return s.writeFairly(p)
	}
	return s.Conn.Write(p)
}

// writeFairly writes while it has a place, if it needs one, and lets others have
// it while it waits.
func (s *socket) writeFairly(p []byte) (int, error) {
	s.p, s.err = p, nil
	if err := errors.Join(s.raw.Write(s.try), s.err); err != nil {
		return 0, err
	}
	rest := s.p
	s.p = nil
	if len(rest) == 0 {
		s.writing.breathe()
		return len(p), nil
	}
	s.writing.leave()
	defer s.writing.enter()
	n, err := s.Conn.Write(rest)
	return len(p) - len(rest) + n, err
}

// share lets writes have their places by a pass, or nil for none.
func (s *socket) share(writing *pass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	s.reading.leave()
	defer s.reading.enter()
	return s.Conn.Read(p)
}

func (s *socket) writeEager(p []byte) (int, error) {
	s.p, s.err = p, nil
	if len(s.rest) == 0 {
		if err := errors.Join(s.raw.Write(s.try), s.err); err != nil {
			return 0, err
		}
	}
	if len(s.p) > 0 {
		s.rest = append(s.rest, s.p...)
	}
	s.p = nil
	return len(p), nil
}

// attempt writes what fits of s.p. It returns true since it never waits.
func (s *socket) attempt(fd uintptr) bool {
	for len(s.p) > 0 {
		n, err := send(fd, s.p, s.more)
		if n > 0 {
			s.p = s.p[n:]
			continue
		}
		if err == syscall.EINTR {
			continue
		}
		if err != syscall.EAGAIN {
			s.err = err
		}
		break
	}
	return true
}

// send writes p, and if more is to follow, leaves what fills no packet to that.
func send(fd uintptr, p []byte, more bool) (int, error) {
	if !more {
		return syscall.Write(int(fd), p)
	}
	n, _, errno := syscall.Syscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_MORE|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

func (s *socket) writeRest() error {
	if len(s.rest) == 0 {
		return nil
	}
	rest := s.rest
	s.rest = nil
	_, err := s.Conn.Write(rest)
	return err
}

// hurry lets writes not wait until settle is called.
func (s *socket) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eager = true
}

// settle lets writes wait again, and tells whether something is left to write.
func (s *socket) settle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eager = false
	return len(s.rest) > 0
}

// finish writes what is left, and waits for it.
func (s *socket) finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeRest()
}

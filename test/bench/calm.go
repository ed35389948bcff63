package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
)

// calmResult is what the calm client tells, in nanoseconds.
type calmResult struct {
	// Own is how long each read took as the client saw it. Server leaves out
	// what is the client's own: it lasts from the request's write to the arrival
	// of the answer's last packet, of which the kernel keeps the time.
	Own, Server []time.Duration
	Refused     int
}

// beCalm reads one object after the other and prints a calmResult.
func beCalm(ctx context.Context, from source) error {
	debug.SetGCPercent(1000) // its own collector is not what is measured
	config, err := from.tls()
	if err != nil {
		return err
	}
	dialed, err := (&net.Dialer{}).DialContext(ctx, "tcp", from.Address)
	if err != nil {
		return err
	}
	stamped, err := newStamped(dialed)
	if err != nil {
		return err
	}
	over := tls.Client(stamped, config)
	defer over.Close()
	conn, err := (&http2.Transport{}).NewClientConn(over)
	if err != nil {
		return err
	}
	var r calmResult
	for range calmReads {
		status, err := calmRead(ctx, conn, from)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			r.Own = append(r.Own, stamped.own())
			r.Server = append(r.Server, stamped.served())
		} else {
			r.Refused++
		}
		time.Sleep(calmPause)
		stamped.reset()
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func calmRead(ctx context.Context, conn *http2.ClientConn, from source) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+from.Address+from.Path, nil)
	if err != nil {
		return 0, err
	}
	for name, value := range from.headers() {
		req.Header.Set(name, value)
	}
	resp, err := conn.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// stamped notes when its first write began and when what it read last had
// arrived, by the kernel's clock.
type stamped struct {
	net.Conn
	raw            syscall.RawConn
	oob            []byte
	wrote, arrived time.Time
	read           time.Time
}

func newStamped(c net.Conn) (*stamped, error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("connect to the server: want TCP, got %T", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	return &stamped{Conn: c, raw: raw, oob: make([]byte, 64)}, errors.Join(err, set)
}

func (s *stamped) reset() { s.wrote = time.Time{} }

// served is own while the kernel does not keep times yet.
func (s *stamped) served() time.Duration {
	if s.arrived.Before(s.wrote) {
		return s.own()
	}
	return s.arrived.Sub(s.wrote)
}

func (s *stamped) own() time.Duration { return s.read.Sub(s.wrote) }

// Write implements net.Conn.
func (s *stamped) Write(p []byte) (int, error) {
	if s.wrote.IsZero() {
		s.wrote = time.Now().Round(0) // the wall's clock, as the kernel's
	}
	return s.Conn.Write(p)
}

// Read implements net.Conn.
func (s *stamped) Read(p []byte) (int, error) {
	var n, oobn int
	var failed error
	err := s.raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, failed = unix.Recvmsg(int(fd), p, s.oob, 0)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	s.read = time.Now().Round(0)
	messages, err := unix.ParseSocketControlMessage(s.oob[:oobn])
	if err != nil {
		return n, err
	}
	for _, m := range messages {
		if m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			at := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			s.arrived = time.Unix(at.Unix())
		}
	}
	return n, nil
}

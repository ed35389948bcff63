package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"minke/runtime/shim"
)

// PortForwardStream connects the stream with a port on the pod's loopback, IPv4
// then IPv6, until the pod closes the connection or ctx ends.
func (r *Runtime) PortForwardStream(ctx context.Context, sandboxID string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	s, err := r.sandbox(sandboxID)
	if err != nil {
		return err
	}
	r.mu.RLock()
	ready := s.Ready
	r.mu.RUnlock()
	if !ready || s.shim == nil {
		return status.Errorf(codes.FailedPrecondition, "pod sandbox %s is not ready", s.ID)
	}
	if port < 1 || port > 65535 {
		return status.Errorf(codes.InvalidArgument, "port %d is not a port", port)
	}
	conn, err := dialPod(ctx, s.shim, int(port))
	if err != nil {
		return fmt.Errorf("failed to connect to localhost:%d inside the pod: %w", port, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	go func() { // ends with the stream, which is closed when this function returns
		_, _ = io.Copy(conn, stream)
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}()
	if _, err := io.Copy(stream, conn); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("port %d: %w", port, err)
	}
	return nil
}

// dialPod connects a socket that the helper made: it stays in the namespace
// where it was made.
func dialPod(ctx context.Context, s *shim.Shim, port int) (net.Conn, error) {
	v4, err := dialFamily(ctx, s, unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		return v4, nil
	}
	v6, err6 := dialFamily(ctx, s, unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: [16]byte{15: 1}})
	if err6 == nil {
		return v6, nil
	}
	return nil, err
}

func dialFamily(ctx context.Context, s *shim.Shim, domain int, to unix.Sockaddr) (net.Conn, error) {
	f, err := s.NetSocket(ctx, domain)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := connect(f, to); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// connect waits for the connection through the poller, not in a thread.
func connect(f *os.File, to unix.Sockaddr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = unix.Connect(int(fd), to) }); err != nil {
		return err
	}
	if result != unix.EINPROGRESS {
		return result
	}
	err = raw.Write(func(fd uintptr) bool {
		code, serr := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if serr != nil {
			result = serr
			return true
		}
		if code != 0 {
			result = unix.Errno(code)
			return true
		}
		_, perr := unix.Getpeername(int(fd))
		if perr == unix.ENOTCONN {
			return false
		}
		result = perr
		return true
	})
	return errors.Join(err, result)
}

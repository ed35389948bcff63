package egress

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"sigs.k8s.io/apiserver-network-proxy/konnectivity-client/pkg/client"
)

// konnectivity is a proxy server that speaks konnectivity's gRPC, at a socket of
// this machine. Each connection is a tunnel of its own.
type konnectivity string

func (k konnectivity) connect(ctx context.Context, address string) (net.Conn, error) {
	// The tunnel lives on when ctx, which is that of dialling, ends.
	tunnel, err := client.CreateSingleUseGrpcTunnelWithContext(ctx, context.WithoutCancel(ctx), "passthrough:///"+string(k),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return socket(string(k))(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithBlock(), grpc.WithReturnConnectionError(), grpc.FailOnNonTempDialError(true))
	if err != nil {
		return nil, unreached{fmt.Errorf("connect to proxy %s: %w", k, err)}
	}
	conn, err := tunnel.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s by way of proxy %s: %w", address, k, err)
	}
	return &tunnelled{Conn: conn, to: place(address)}, nil
}

// tunnelled gives a tunnel's connection what it lacks: deadlines, of which one that
// passes closes the connection, and addresses.
type tunnelled struct {
	net.Conn
	to place

	mu    sync.Mutex // guards what follows
	timer *time.Timer
}

// SetDeadline implements net.Conn.
func (t *tunnelled) SetDeadline(at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if !at.IsZero() {
		t.timer = time.AfterFunc(time.Until(at), func() { t.Conn.Close() })
	}
	return nil
}

// SetReadDeadline implements net.Conn.
func (t *tunnelled) SetReadDeadline(at time.Time) error { return t.SetDeadline(at) }

// SetWriteDeadline implements net.Conn.
func (t *tunnelled) SetWriteDeadline(at time.Time) error { return t.SetDeadline(at) }

// Close implements net.Conn.
func (t *tunnelled) Close() error {
	_ = t.SetDeadline(time.Time{}) // never fails
	return t.Conn.Close()
}

// LocalAddr implements net.Conn.
func (t *tunnelled) LocalAddr() net.Addr { return place("tunnel") }

// RemoteAddr implements net.Conn.
func (t *tunnelled) RemoteAddr() net.Addr { return t.to }

// place is an address at the other end of a tunnel.
type place string

// Network implements net.Addr.
func (place) Network() string { return "tcp" }

// String implements net.Addr.
func (p place) String() string { return string(p) }

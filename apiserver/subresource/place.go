package subresource

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Kubelet is how nodes are reached.
type Kubelet struct {
	// TLS has the API server's client certificate and the authorities of
	// kubelets. A kubelet must show a certificate for the address that is
	// dialled.
	TLS *tls.Config
	Network
}

// Network is how addresses are reached.
type Network struct {
	// Dial connects to "ip:port"; nil for this process's own network.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Check refuses addresses that may not be dialled. When nil, Proxyable is
	// asked.
	Check func(netip.Addr) error
}

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	kubeletPort      = 10250
)

// Proxyable refuses addresses that lead to the server's own machine or to its
// link: who may name a pod's or node's address must not reach them so.
func Proxyable(ip netip.Addr) error {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return fmt.Errorf("address %s not allowed", ip)
	}
	return nil
}

// place is one back end.
type place struct {
	// host is an IP address, or a name that is resolved once for each
	// connection.
	host string
	port int
	// tls is nil for plain connections.
	tls *tls.Config
	via Network
}

func (p *place) address() string { return net.JoinHostPort(p.host, strconv.Itoa(p.port)) }

// connect resolves once, checks, and dials that very address.
func (p *place) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ip, err := p.resolve(ctx)
	if err != nil {
		return nil, err
	}
	dial := p.via.Dial
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	conn, err := dial(ctx, net.JoinHostPort(ip.String(), strconv.Itoa(p.port)))
	if err != nil || p.tls == nil {
		return conn, err
	}
	config := p.tls.Clone()
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = p.host
	}
	secured := tls.Client(conn, config)
	ctx, cancel = context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect %s: %w", p.address(), err)
	}
	return secured, nil
}

func (p *place) resolve(ctx context.Context) (netip.Addr, error) {
	ip, err := netip.ParseAddr(p.host)
	if err != nil {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", p.host)
		if err != nil {
			return ip, err
		}
		ip = found[0]
	}
	check := p.via.Check
	if check == nil {
		check = Proxyable
	}
	return ip.Unmap(), check(ip)
}

type placeKey struct{}

// newTransport returns a transport that connects to the place in the request's
// context, with a connection of its own for each request.
func (s *Server) newTransport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			p, ok := ctx.Value(placeKey{}).(*place)
			if !ok {
				return nil, fmt.Errorf("connect to a back end: none is set")
			}
			return p.connect(ctx)
		},
		DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: 0,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// kubelet finds the kubelet of a node.
func (s *Server) kubelet(ctx context.Context, name string) (*place, error) {
	node, err := getAs[*corev1.Node](s, ctx, "nodes", "", name)
	if err != nil {
		return nil, err
	}
	host := addressOf(node)
	if host == "" {
		return nil, apierrors.NewInternalError(fmt.Errorf("no preferred addresses found; known addresses: %v", node.Status.Addresses))
	}
	port := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = kubeletPort
	}
	return &place{host: host, port: port, tls: s.Kubelet.TLS, via: s.Kubelet.Network}, nil
}

func addressOf(node *corev1.Node) string {
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeInternalDNS, corev1.NodeHostName} {
		for _, a := range node.Status.Addresses {
			if a.Type == kind && a.Address != "" {
				return a.Address
			}
		}
	}
	return ""
}

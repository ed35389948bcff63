// Package backend is the way from the API server to whom it hands requests on:
// kubelets, pods, services and aggregated API servers. There is one way to
// connect and one way to switch protocols, so that what must hold of them holds
// everywhere:
//
//   - a name is resolved once, checked, and that very address is dialled
//     (CVE-2020-8562);
//   - a client's connection is taken over only after the back end has answered
//     101, and the back end's connection serves this one request
//     (CVE-2018-1002105).
package backend

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

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
	maxHeaderBytes   = 64 << 10
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

// Connect resolves host, which may be an address, once, checks, and dials that
// very address.
func (n Network) Connect(ctx context.Context, host string, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ip, err := n.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(ip.String(), strconv.Itoa(port))
	if n.Dial != nil {
		return n.Dial(ctx, address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func (n Network) resolve(ctx context.Context, host string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return ip, err
		}
		ip = found[0]
	}
	check := n.Check
	if check == nil {
		check = Proxyable
	}
	return ip.Unmap(), check(ip)
}

// Place is one back end.
type Place struct {
	// Host is an IP address, or a name that is resolved once for each
	// connection.
	Host string
	Port int
	// TLS is nil for plain connections. Its ServerName defaults to Host.
	TLS *tls.Config
	Via Network
}

// Address returns "host:port".
func (p *Place) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// Connect makes a connection for one request of HTTP/1.1.
func (p *Place) Connect(ctx context.Context) (net.Conn, error) {
	conn, err := p.Via.Connect(ctx, p.Host, p.Port)
	if err != nil || p.TLS == nil {
		return conn, err
	}
	config := p.TLS.Clone()
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = p.Host
	}
	secured := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect %s: %w", p.Address(), err)
	}
	return secured, nil
}

type placeKey struct{}

// To returns ctx for requests that go to p by a Transport.
func To(ctx context.Context, p *Place) context.Context { return context.WithValue(ctx, placeKey{}, p) }

// NewTransport returns a transport that connects to the place in the request's
// context, with a connection of its own for each request.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			p, ok := ctx.Value(placeKey{}).(*Place)
			if !ok {
				return nil, fmt.Errorf("connect to a back end: none is set")
			}
			return p.Connect(ctx)
		},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

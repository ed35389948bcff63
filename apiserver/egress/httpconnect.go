package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"k8s.io/apiserver/pkg/apis/apiserver"
)

// maxAnswer bounds what a proxy answers to CONNECT, in bytes.
const maxAnswer = 64 << 10

// connectProxy is a proxy server that is asked by HTTP's method CONNECT (RFC 9110,
// 9.3.6), over a connection of its own for each.
type connectProxy struct {
	// address names the proxy in errors.
	address string
	dial    func(ctx context.Context) (net.Conn, error)
}

func (p *connectProxy) connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, unreached{fmt.Errorf("connect to proxy %s: %w", p.address, err)}
	}
	// While the proxy thinks, ctx's end closes the connection.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = ask(conn, address)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to %s by way of proxy %s: %w", address, p.address, err)
	}
	return conn, nil
}

// ask sends the request and reads the answer, after which conn leads to address.
func ask(conn net.Conn, address string) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the proxy answered %s", answer.Status)
	}
	// Clients speak first in all that goes this way.
	if n := r.Buffered(); n > 0 {
		return fmt.Errorf("the proxy sent %d bytes before it was asked for any", n)
	}
	return nil
}

// socket dials a proxy at a socket of this machine.
func socket(path string) func(ctx context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
}

// proxyServer says how to dial a proxy that is named by a URL.
func proxyServer(t *apiserver.TCPTransport) (address string, dial func(ctx context.Context) (net.Conn, error), err error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return "", nil, fmt.Errorf("proxy %q: %w", t.URL, err)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	address = net.JoinHostPort(u.Hostname(), port)
	if t.TLSConfig == nil {
		return address, func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }, nil
	}
	config, err := clientTLS(t.TLSConfig)
	if err != nil {
		return "", nil, fmt.Errorf("proxy %s: %w", t.URL, err)
	}
	return address, func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	}, nil
}

// clientTLS says how the proxy is verified. The certificate is read for each
// connection, so that it can be renewed.
func clientTLS(t *apiserver.TLSConfig) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLSServerName}
	if t.CABundle != "" {
		pem, err := os.ReadFile(t.CABundle)
		if err != nil {
			return nil, fmt.Errorf("read the authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the authority: %s holds no certificate", t.CABundle)
		}
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(nil); err != nil {
		return nil, err
	}
	config.GetClientCertificate = load
	return config, nil
}

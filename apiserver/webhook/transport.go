package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of what is kept for endpoints.
const (
	// maxTransports is how many endpoints have connections at a time.
	maxTransports = 256
	// idleTime is how long one is kept that nobody calls.
	idleTime = 5 * time.Minute
	// idleConn is how long a connection without a call is kept.
	idleConn = 90 * time.Second
	// pingAfter and pingWait find connections whose other end is gone.
	pingAfter = 30 * time.Second
	pingWait  = 15 * time.Second

	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	maxHeaderBytes   = 64 << 10
)

// Dialer connects to "host:port".
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Client calls webhooks. It keeps connections to the endpoints that are in use,
// and nothing for the others. The zero value cannot call Services.
type Client struct {
	// Services finds where a Service is.
	Services Services
	// Dial defaults to a net.Dialer, DialService, by which Services are reached, to
	// Dial.
	Dial, DialService Dialer

	mu sync.Mutex // guards what follows
	// byKey has what the endpoints in use have in common: name, authorities
	// and certificate.
	byKey map[key]*entry
	sweep *time.Timer
}

// key tells endpoints apart that may not share connections.
type key struct {
	host        string
	service     bool
	authorities [sha256.Size]byte
	certificate *tls.Certificate
	insecure    bool
}

type entry struct {
	transport *http.Transport
	used      time.Time
	calls     int
}

// Transport returns the way to e, kept while it is used. The caller calls release
// after its call.
func (c *Client) Transport(e *Endpoint) (t *http.Transport, release func(), err error) {
	at, err := e.url()
	if err != nil {
		return nil, nil, err
	}
	k := key{host: at.Host, service: e.Service != nil, authorities: sha256.Sum256(e.CABundle), certificate: e.Certificate, insecure: e.InsecureSkipVerify}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.byKey[k]
	if found == nil {
		made, err := c.newTransport(e)
		if err != nil {
			return nil, nil, err
		}
		found = &entry{transport: made, used: time.Now()}
		c.keep(k, found)
	}
	found.calls++
	return found.transport, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		found.calls--
		found.used = time.Now()
	}, nil
}

// keep remembers an entry, in place of the one that was idle longest when there
// are too many; c.mu must be held.
func (c *Client) keep(k key, e *entry) {
	if c.byKey == nil {
		c.byKey = map[key]*entry{}
	}
	if len(c.byKey) >= maxTransports {
		var oldest *key
		for k, e := range c.byKey {
			if oldest == nil || e.used.Before(c.byKey[*oldest].used) {
				oldest = &k
			}
		}
		c.byKey[*oldest].transport.CloseIdleConnections()
		delete(c.byKey, *oldest)
	}
	c.byKey[k] = e
	if c.sweep == nil {
		c.sweep = time.AfterFunc(idleTime, c.dropIdle)
	}
}

// dropIdle forgets endpoints that nobody calls, and comes again while there are
// others.
func (c *Client) dropIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.byKey {
		if e.calls == 0 && time.Since(e.used) >= idleTime {
			e.transport.CloseIdleConnections()
			delete(c.byKey, k)
		}
	}
	c.sweep = nil
	if len(c.byKey) > 0 {
		c.sweep = time.AfterFunc(idleTime, c.dropIdle)
	}
}

// newTransport makes the way to an endpoint. Environment proxies are not
// asked: a webhook is named by who administers the cluster.
func (c *Client) newTransport(e *Endpoint) (*http.Transport, error) {
	config, err := e.TLS()
	if err != nil {
		return nil, err
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if s := e.Service; s != nil {
		direct, of := dial, *s
		if c.DialService != nil {
			direct = c.DialService
		}
		dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			// Asked anew for each connection: a service may have moved.
			address, err := c.Services.Address(ctx, of.Namespace, of.Name, of.port())
			if err != nil {
				return nil, err
			}
			return direct(ctx, network, address)
		}
	}
	return &http.Transport{
		DialContext: dial, TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: handshakeTimeout, IdleConnTimeout: idleConn, MaxIdleConnsPerHost: 16,
		MaxResponseHeaderBytes: maxHeaderBytes, DisableCompression: true,
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait},
	}, nil
}

// TLS returns how the endpoint's certificate is checked, and what is shown.
func (e *Endpoint) TLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.InsecureSkipVerify}
	if len(e.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(e.CABundle) {
			return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
	}
	if e.Certificate != nil {
		config.Certificates = []tls.Certificate{*e.Certificate}
	}
	if e.Service != nil {
		config.ServerName = e.Service.host()
	}
	return config, nil
}

package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// newTransport returns an HTTP/2 transport that notices dead connections and
// reads its credentials again when their files change.
func newTransport(config RemoteConfig) (*http.Transport, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: config.ServerName}
	ca := config.CA
	if config.CAFile != "" {
		pem, err := os.ReadFile(config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the authority: %w", err)
		}
		ca = pem
	}
	if len(ca) > 0 {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("read the authority: it holds no PEM certificate")
		}
	}
	if err := clientCertificate(config, t); err != nil {
		return nil, err
	}
	dial := config.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	if len(config.Others) > 0 {
		all, err := newSeveral(append([]string{config.Server}, config.Others...), dial)
		if err != nil {
			return nil, err
		}
		if dial = all.DialContext; t.ServerName == "" {
			t.ServerName = anyServerName
		}
	}
	return &http.Transport{
		TLSClientConfig: t, DialContext: dial, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		// A watch may be silent for long; a dead peer must still be found.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}, nil
}

func clientCertificate(config RemoteConfig, t *tls.Config) error {
	switch {
	case config.CertFile != "":
		pair := &keyPair{cert: newFile(config.CertFile), key: newFile(config.KeyFile)}
		if _, err := pair.certificate(nil); err != nil {
			return err
		}
		t.GetClientCertificate = pair.certificate
	case len(config.Cert) > 0:
		pair, err := tls.X509KeyPair(config.Cert, config.Key)
		if err != nil {
			return fmt.Errorf("read the client certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// keyPair is a certificate that is parsed again when its files change.
type keyPair struct {
	cert, key *file

	mu      sync.Mutex // guards what follows
	certPEM []byte
	parsed  *tls.Certificate
}

func (p *keyPair) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	cert, err := p.cert.read()
	if err != nil {
		return nil, err
	}
	key, err := p.key.read()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parsed != nil && bytes.Equal(cert, p.certPEM) {
		return p.parsed, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		// Between the writes of the two files they do not fit together.
		if p.parsed != nil {
			return p.parsed, nil
		}
		return nil, fmt.Errorf("read the client certificate: %w", err)
	}
	p.certPEM, p.parsed = cert, &pair
	return p.parsed, nil
}

// file is a file's content, read again when it changes.
type file struct {
	path string

	mu      sync.Mutex // guards what follows
	changed time.Time
	size    int64
	content []byte
}

func newFile(path string) *file { return &file{path: path} }

func (f *file) read() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	if f.content != nil && info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return f.content, nil
	}
	content, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	f.changed, f.size, f.content = info.ModTime(), info.Size(), content
	return content, nil
}

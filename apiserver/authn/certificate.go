package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"minke/api/inprocess"
)

// Certificates knows users by client certificates: the common name is the
// user's name, the organizations are its groups.
type Certificates struct {
	roots *x509.CertPool
	now   func() time.Time
	// mu guards verified, the chains that were found good, by the leaf's hash:
	// a client sends many requests, and a signature check costs more than most
	// of them.
	mu       sync.Mutex
	verified map[[sha256.Size]byte]window
}

// window is when a whole chain is valid.
type window struct{ from, until time.Time }

// maxVerified bounds the memory of verified chains.
const maxVerified = 4096

// NewCertificates trusts certificates that roots signed. now may be nil.
func NewCertificates(roots *x509.CertPool, now func() time.Time) *Certificates {
	if now == nil {
		now = time.Now
	}
	return &Certificates{roots: roots, now: now, verified: map[[sha256.Size]byte]window{}}
}

func (c *Certificates) user(peers []*x509.Certificate) (*inprocess.User, error) {
	if err := c.verify(peers); err != nil {
		return nil, err
	}
	leaf := peers[0]
	if leaf.Subject.CommonName == "" {
		return nil, fmt.Errorf("authenticate certificate %s: it has no common name", leaf.SerialNumber)
	}
	sum := sha256.Sum256(leaf.Raw)
	return &inprocess.User{
		Name: leaf.Subject.CommonName, Groups: leaf.Subject.Organization,
		Extra: map[string][]string{CredentialID: {"X509SHA256=" + hex.EncodeToString(sum[:])}},
	}, nil
}

func (c *Certificates) verify(peers []*x509.Certificate) error {
	key, now := sha256.Sum256(peers[0].Raw), c.now()
	c.mu.Lock()
	w, known := c.verified[key]
	c.mu.Unlock()
	if known && !now.Before(w.from) && now.Before(w.until) {
		return nil
	}
	options := x509.VerifyOptions{
		Roots: c.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, p := range peers[1:] {
		options.Intermediates.AddCert(p)
	}
	chains, err := peers[0].Verify(options)
	if err != nil {
		return fmt.Errorf("authenticate certificate %q: %w", peers[0].Subject.CommonName, err)
	}
	c.keep(key, chains[0])
	return nil
}

func (c *Certificates) keep(key [sha256.Size]byte, chain []*x509.Certificate) {
	w := window{from: chain[0].NotBefore, until: chain[0].NotAfter}
	for _, cert := range chain[1:] {
		if cert.NotBefore.After(w.from) {
			w.from = cert.NotBefore
		}
		if cert.NotAfter.Before(w.until) {
			w.until = cert.NotAfter
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verified) >= maxVerified {
		clear(c.verified)
	}
	c.verified[key] = w
}

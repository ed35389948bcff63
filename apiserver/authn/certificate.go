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
	// mu guards verified, the chains that were found good, by the leaf's bytes:
	// a client sends many requests, and a signature check costs more than most
	// of them.
	mu       sync.Mutex
	verified map[string]*verified
}

// verified is a chain that was found good.
type verified struct {
	// The whole chain is valid from the one until the other.
	from, until time.Time
	// user is whom the leaf stands for, shared by all its requests; nil if it
	// has no common name.
	user *inprocess.User
}

// maxVerified bounds the memory of verified chains, of some 1.5 KiB each.
const maxVerified = 4096

// NewCertificates trusts certificates that roots signed. now may be nil.
func NewCertificates(roots *x509.CertPool, now func() time.Time) *Certificates {
	if now == nil {
		now = time.Now
	}
	return &Certificates{roots: roots, now: now, verified: map[string]*verified{}}
}

func (c *Certificates) user(peers []*x509.Certificate) (*inprocess.User, error) {
	v, err := c.verify(peers)
	if err != nil {
		return nil, err
	}
	if v.user == nil {
		return nil, fmt.Errorf("authenticate certificate %s: it has no common name", peers[0].SerialNumber)
	}
	return v.user, nil
}

// userOf returns whom a certificate stands for, or nil.
func userOf(leaf *x509.Certificate) *inprocess.User {
	if leaf.Subject.CommonName == "" {
		return nil
	}
	sum := sha256.Sum256(leaf.Raw)
	return authenticated(&inprocess.User{
		Name: leaf.Subject.CommonName, Groups: leaf.Subject.Organization,
		Extra: map[string][]string{CredentialID: {"X509SHA256=" + hex.EncodeToString(sum[:])}},
	})
}

func (c *Certificates) verify(peers []*x509.Certificate) (*verified, error) {
	now := c.now()
	c.mu.Lock()
	v := c.verified[string(peers[0].Raw)]
	c.mu.Unlock()
	if v != nil && !now.Before(v.from) && now.Before(v.until) {
		return v, nil
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
		return nil, fmt.Errorf("authenticate certificate %q: %w", peers[0].Subject.CommonName, err)
	}
	return c.keep(chains[0]), nil
}

func (c *Certificates) keep(chain []*x509.Certificate) *verified {
	v := &verified{from: chain[0].NotBefore, until: chain[0].NotAfter, user: userOf(chain[0])}
	for _, cert := range chain[1:] {
		if cert.NotBefore.After(v.from) {
			v.from = cert.NotBefore
		}
		if cert.NotAfter.Before(v.until) {
			v.until = cert.NotAfter
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verified) >= maxVerified {
		clear(c.verified)
	}
	c.verified[string(chain[0].Raw)] = v
	return v
}

// Package pki makes and keeps a cluster's keys and certificates. All that it makes
// are ECDSA P-256; authorities and keys of other kinds may be put in before the
// first start, such as those of a cluster that moves here. All files are mode 0600
// beneath one directory:
//
//	pki/
//	  ca.crt ca.key                 signs everything below
//	  service-account.key           signs service account tokens
//	  apiserver.crt apiserver.key   serving, for the API's names and addresses
//	  kubelet-client.crt .key       the API server as a client of the kubelets
//	  admin.crt admin.key           the kubeconfig's client, O=system:masters
//	  front-proxy-ca.crt .key       signs the next, and nothing else
//	  front-proxy-client.crt .key   the API server to API servers behind it
//	  nodes/NAME/client.crt .key    system:node:NAME, O=system:nodes
//	  nodes/NAME/kubelet.crt .key   serving, for the node's names and addresses
//
// Files that exist and still hold are kept, so every function may be called
// again at each start.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Lifetimes of certificates. A leaf is made anew once less than a third of its
// life is left, at the next start.
const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour
)

// Authority is a cluster's certificate authority with its directory.
type Authority struct {
	Dir string
	// name is that of its files, subject its common name.
	name, subject string

	cert *x509.Certificate
	key  crypto.Signer
	// CertPEM is the CA certificate that clients trust.
	CertPEM []byte
}

// Open loads the authority in dir, or creates it.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create pki directory: %w", err)
	}
	return open(&Authority{Dir: dir, name: "ca", subject: "kubernetes"})
}

// The names of the authority that vouches for front proxies, and of its one
// client.
const (
	frontProxyCA = "front-proxy-ca"
	// FrontProxyClient is as whom this server calls API servers behind it.
	FrontProxyClient = "front-proxy-client"
)

// FrontProxy loads the authority of front proxies, or creates it. Who holds a
// certificate of it is believed whatever user he names, so it is not the one
// that knows users.
func (a *Authority) FrontProxy() (*Authority, error) {
	return open(&Authority{Dir: a.Dir, name: frontProxyCA, subject: frontProxyCA})
}

func open(a *Authority) (*Authority, error) {
	pair, err := loadPair(filepath.Join(a.Dir, a.name))
	switch {
	case err == nil:
		a.cert, a.key, a.CertPEM = pair.cert, pair.key, pair.CertPEM
		return a, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("load certificate authority: %w", err)
	}
	return a, a.create()
}

func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("create certificate authority: %w", err)
	}
	template, err := template(pkix.Name{CommonName: a.subject}, caLife)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("create certificate authority: %w", err)
	}
	pair, err := savePair(filepath.Join(a.Dir, a.name), der, key)
	if err != nil {
		return fmt.Errorf("save certificate authority: %w", err)
	}
	a.cert, a.key, a.CertPEM = pair.cert, pair.key, pair.CertPEM
	return nil
}

// Client identifies a user to the API: the certificate's CN and O.
type Client struct {
	User   string
	Groups []string
}

// Serving names what a server is reached as.
type Serving struct {
	CommonName string
	Names      []string
	IPs        []net.IP
}

// ClientCert returns the client certificate kept under name (a path such as
// "admin" or "nodes/n1/client"), making it if it is missing, old, or of
// somebody else.
func (a *Authority) ClientCert(name string, c Client) (*Pair, error) {
	subject := pkix.Name{CommonName: c.User, Organization: c.Groups}
	return a.leaf(name, func(t *x509.Certificate) {
		t.Subject = subject
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// ServingCert returns the serving certificate kept under name.
func (a *Authority) ServingCert(name string, s Serving) (*Pair, error) {
	return a.leaf(name, func(t *x509.Certificate) {
		t.Subject = pkix.Name{CommonName: s.CommonName}
		t.DNSNames, t.IPAddresses = s.Names, s.IPs
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

func (a *Authority) leaf(name string, fill func(*x509.Certificate)) (*Pair, error) {
	path := filepath.Join(a.Dir, filepath.FromSlash(name))
	want, err := template(pkix.Name{}, leafLife)
	if err != nil {
		return nil, err
	}
	want.KeyUsage = x509.KeyUsageDigitalSignature
	fill(want)
	// A leaf that cannot be read (a crash between its key and its certificate
	// leaves two that do not match) is made anew: nothing depends on the old.
	if have, err := loadPair(path); err == nil && a.holds(have.cert, want) {
		return have, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create certificate %s: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, want, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("create certificate %s: %w", name, err)
	}
	return savePair(path, der, key)
}

// holds tells whether have still serves as what want asks for.
func (a *Authority) holds(have, want *x509.Certificate) bool {
	return have.CheckSignatureFrom(a.cert) == nil &&
		time.Until(have.NotAfter) > leafLife/3 &&
		have.Subject.String() == want.Subject.String() &&
		fmt.Sprint(have.DNSNames) == fmt.Sprint(want.DNSNames) &&
		fmt.Sprint(have.IPAddresses) == fmt.Sprint(want.IPAddresses)
}

// ServiceAccountKey returns the key that signs service account tokens.
func (a *Authority) ServiceAccountKey() (crypto.Signer, error) {
	path := filepath.Join(a.Dir, "service-account.key")
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("create service account key: %w", err)
	}
	return key, saveKey(path, key)
}

// Pool returns a pool with the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func template(subject pkix.Name, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choose serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject,
		// Five minutes back, for clocks that run a little behind ours.
		NotBefore: now.Add(-5 * time.Minute), NotAfter: now.Add(life),
	}, nil
}

// Pair is a certificate with its key.
type Pair struct {
	CertPEM, KeyPEM []byte
	TLS             tls.Certificate
	cert            *x509.Certificate
	key             crypto.Signer
}

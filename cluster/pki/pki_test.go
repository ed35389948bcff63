package pki

import (
	"bytes"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestLeafIsKeptWhileItHolds(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.ClientCert("nodes/n1/client", Client{User: "system:node:n1", Groups: []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.ClientCert("nodes/n1/client", Client{User: "system:node:n1", Groups: []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.CertPEM, second.CertPEM) {
		t.Error("a certificate that still holds was made anew")
	}
	other, err := again.ClientCert("nodes/n1/client", Client{User: "system:node:n2", Groups: []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(second.CertPEM, other.CertPEM) {
		t.Error("a certificate for somebody else was kept")
	}
}

func TestLeafOfCrashIsMadeAnew(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	serving := Serving{CommonName: "kube-apiserver", Names: []string{"kubernetes"}, IPs: []net.IP{net.IPv4(10, 96, 0, 1).To4()}}
	if _, err := a.ServingCert("apiserver", serving); err != nil {
		t.Fatal(err)
	}
	// As a crash between the new key and its certificate leaves them.
	key, err := os.ReadFile(filepath.Join(a.Dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.Dir, "apiserver.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := a.ServingCert("apiserver", serving)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pair.TLS.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "kubernetes"})
	if err != nil {
		t.Error(err)
	}
}

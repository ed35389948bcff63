package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForeignAuthority holds that the authority and the key of service accounts
// of a cluster that others have made are used as they are: kubeadm's are RSA in
// PKCS #1, other tools write PKCS #8, and openssl says before an EC key which curve
// it is on.
func TestForeignAuthority(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8, err8 := x509.MarshalPKCS8PrivateKey(rsaKey)
	sec1, err1 := x509.MarshalECPrivateKey(ecKey)
	for _, c := range []struct {
		name, key string
		of        crypto.Signer
	}{
		{"PKCS #1", text("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), rsaKey},
		{"PKCS #8", text("PRIVATE KEY", pkcs8, err8), rsaKey},
		{"EC with parameters", text("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}, nil) + text("EC PRIVATE KEY", sec1, err1), ecKey},
	} {
		dir := t.TempDir()
		authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "theirs"}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
		der, err := x509.CreateCertificate(rand.Reader, authority, authority, c.of.Public(), c.of)
		for file, content := range map[string]string{"ca.crt": text("CERTIFICATE", der, err), "ca.key": c.key, "service-account.key": c.key} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // and again with what was made
			a, err := Open(dir)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				break
			}
			pair, err := a.ClientCert("admin", Client{User: "ann"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pair.cert.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || pair.cert.Issuer.CommonName != "theirs" {
				t.Errorf("%s: a certificate by %s: %v", c.name, pair.cert.Issuer, err)
			}
			signer, err := a.ServiceAccountKey()
			if err != nil || !c.of.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) {
				t.Errorf("%s: the key of service accounts is another: %v", c.name, err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "service-account.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ServiceAccountKey(); err == nil || !strings.Contains(err.Error(), "no PEM block of a private key") {
		t.Errorf("a file without a key: %v", err)
	}
}

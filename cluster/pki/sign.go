package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// Sign returns the PEM of a certificate for the request's subject, names and
// key. It never outlives the authority, and is no authority itself.
func (a *Authority) Sign(request *x509.CertificateRequest, usage x509.KeyUsage, extended []x509.ExtKeyUsage, life time.Duration) ([]byte, error) {
	cert, err := template(request.Subject, life)
	if err != nil {
		return nil, err
	}
	if cert.NotAfter.After(a.cert.NotAfter) {
		cert.NotAfter = a.cert.NotAfter
	}
	cert.BasicConstraintsValid = true
	cert.KeyUsage, cert.ExtKeyUsage = usage, extended
	cert.DNSNames, cert.IPAddresses = request.DNSNames, request.IPAddresses
	cert.EmailAddresses, cert.URIs = request.EmailAddresses, request.URIs
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, request.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s: %w", request.Subject, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

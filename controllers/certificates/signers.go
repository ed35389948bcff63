package certificates

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// signers are those that this controller signs for.
var signers = []string{
	certificatesv1.KubeAPIServerClientSignerName,
	certificatesv1.KubeAPIServerClientKubeletSignerName,
	certificatesv1.KubeletServingSignerName,
}

// DefaultLife is how long a certificate holds that nobody wants shorter.
const DefaultLife = 365 * 24 * time.Hour

// nodes is the organization of every node, nodePrefix begins its name.
const (
	nodes      = "system:nodes"
	nodePrefix = "system:node:"
)

// check fails when the signer may not sign the request. The rules are those of
// "Kubernetes signers" in the documentation of certificate signing requests.
func check(r *certificatesv1.CertificateSigningRequest, request *x509.CertificateRequest) error {
	switch r.Spec.SignerName {
	case certificatesv1.KubeAPIServerClientSignerName:
		return allowed(r.Spec.Usages, certificatesv1.UsageClientAuth)
	case certificatesv1.KubeAPIServerClientKubeletSignerName:
		if len(request.DNSNames)+len(request.IPAddresses)+len(request.EmailAddresses)+len(request.URIs) > 0 {
			return errors.New("subjectAltNames are not allowed")
		}
		return errors.Join(ofNode(request), allowed(r.Spec.Usages, certificatesv1.UsageClientAuth))
	case certificatesv1.KubeletServingSignerName:
		if len(request.EmailAddresses)+len(request.URIs) > 0 {
			return errors.New("email and URI subjectAltNames are not allowed")
		}
		if len(request.DNSNames)+len(request.IPAddresses) == 0 {
			return errors.New("DNS or IP subjectAltName is required")
		}
		return errors.Join(ofNode(request), allowed(r.Spec.Usages, certificatesv1.UsageServerAuth))
	}
	return fmt.Errorf("signer %q is unknown", r.Spec.SignerName)
}

func ofNode(request *x509.CertificateRequest) error {
	if !slices.Equal(request.Subject.Organization, []string{nodes}) {
		return fmt.Errorf("subject organization is not %s", nodes)
	}
	if name, ok := strings.CutPrefix(request.Subject.CommonName, nodePrefix); !ok || name == "" {
		return fmt.Errorf("subject common name does not begin with %s", nodePrefix)
	}
	return nil
}

// allowed fails unless the usages are the needed one and what goes with any key.
func allowed(given []certificatesv1.KeyUsage, needed certificatesv1.KeyUsage) error {
	if !slices.Contains(given, needed) {
		return fmt.Errorf("usages did not contain %q", needed)
	}
	for _, u := range given {
		if u != needed && u != certificatesv1.UsageDigitalSignature && u != certificatesv1.UsageKeyEncipherment {
			return fmt.Errorf("usage %q is not allowed", u)
		}
	}
	return nil
}

// usages translates usages that check let pass.
func usages(given []certificatesv1.KeyUsage) (usage x509.KeyUsage, extended []x509.ExtKeyUsage) {
	for _, u := range given {
		switch u {
		case certificatesv1.UsageDigitalSignature:
			usage |= x509.KeyUsageDigitalSignature
		case certificatesv1.UsageKeyEncipherment:
			usage |= x509.KeyUsageKeyEncipherment
		case certificatesv1.UsageClientAuth:
			extended = append(extended, x509.ExtKeyUsageClientAuth)
		case certificatesv1.UsageServerAuth:
			extended = append(extended, x509.ExtKeyUsageServerAuth)
		}
	}
	return usage, extended
}

// life returns how long the certificate shall hold.
func life(r *certificatesv1.CertificateSigningRequest, longest time.Duration) time.Duration {
	if s := r.Spec.ExpirationSeconds; s != nil {
		return min(time.Duration(*s)*time.Second, longest)
	}
	return longest
}

package certificates

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func compare(t *testing.T, got field.ErrorList, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i].Error(), want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestPodRequest(t *testing.T) {
	day := int32(25 * 60 * 60)
	r := &podRequest{Spec: certificatesv1.PodCertificateRequestSpec{
		SignerName: "kubernetes.io/a", PodName: "p", ServiceAccountName: "s", ServiceAccountUID: "u", NodeName: "n", NodeUID: "u",
		MaxExpirationSeconds: &day, UnverifiedUserAnnotations: map[string]string{"a": "b"},
	}}
	compare(t, validatePodRequest(r), []string{`spec.unverifiedUserAnnotations: Invalid value: "a"`, `spec.podUID: Invalid value: "": must not be empty`,
		`spec.maxExpirationSeconds: Invalid value: 90000: must be in the range [3600, 86400]`, `spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set`})
}

func TestPodRequestStatus(t *testing.T) {
	condition := func(kinds ...string) (all []metav1.Condition) {
		for _, kind := range kinds {
			all = append(all, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "R", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))})
		}
		return all
	}
	type status = certificatesv1.PodCertificateRequestStatus
	for name, c := range map[string]struct {
		old, now status
		want     []string
	}{
		"untimely":            {status{}, status{CertificateChain: "a"}, []string{`status: Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"`}},
		"denied":              {status{}, status{Conditions: condition("Denied")}, nil},
		"denied, with more":   {status{}, status{Conditions: condition("Denied"), CertificateChain: "a"}, []string{`status: Invalid value: non-condition status fields must be empty when denying or failing the PodCertificateRequest`}},
		"after its end":       {status{Conditions: condition("Denied")}, status{Conditions: condition("Failed")}, []string{`status: Invalid value: immutable after PodCertificateRequest is issued, denied, or failed`}},
		"issued with nothing": {status{}, status{Conditions: condition("Issued")}, []string{`status.certificateChain: Invalid value: "": issued certificate chain must contain at least one certificate`}},
		"two ends":            {status{}, status{Conditions: condition("Issued", "Failed")}, []string{`status.conditions.[1].type: Invalid value: "Failed": There may be at most one condition with type "Issued", "Denied", or "Failed"`}},
		"of another kind":     {status{}, status{Conditions: condition("Lost")}, []string{`status.conditions.[0].type: Unsupported value: "Lost": supported values: "Issued", "Denied", "Failed"`}},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, validatePodRequestStatus(&podRequest{Status: c.now}, &podRequest{Status: c.old}), c.want)
		})
	}
}

func TestTrustBundle(t *testing.T) {
	b := &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: certificatesv1.ClusterTrustBundleSpec{TrustBundle: "a"}}
	compare(t, validateBundle(b), []string{`spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided`})
}

// TestPodKey: what a pod's certificate may be for.
func TestPodKey(t *testing.T) {
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	stub := func(key crypto.Signer) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	forged := stub(curve(elliptic.P256()))
	forged[len(forged)-1] ^= 1
	for name, c := range map[string]struct {
		stub []byte
		want []string
	}{
		"P-256":      {stub(curve(elliptic.P256())), nil},
		"P-521":      {stub(curve(elliptic.P521())), nil},
		"P-224":      {stub(curve(elliptic.P224())), []string{`spec.stubPKCS10Request: Invalid value: "curve P-224": elliptic public keys must use curve P256, P384, or P521`}},
		"RSA 2048":   {stub(weak), []string{`spec.stubPKCS10Request: Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096`}},
		"forged":     {forged, []string{`spec.stubPKCS10Request: Invalid value: `}},
		"too long":   {make([]byte, maxStub+1), []string{`spec.stubPKCS10Request: Too long: may not be more than 10240 bytes`}},
		"no request": {[]byte("a"), []string{`spec.stubPKCS10Request: Invalid value: `}},
	} {
		t.Run(name, func(t *testing.T) { compare(t, validatePodKey(c.stub, podSpec.Child("stubPKCS10Request")), c.want) })
	}
}

func TestSubjectNames(t *testing.T) {
	compare(t, subjectNames(&x509.Certificate{DNSNames: []string{"a.b", "a..b", ".a"}, EmailAddresses: []string{"a@b.c", "a"}}), []string{
		`status.certificateChain: Invalid value: "a..b": leaf certificate's DNSName should not contain '..'`,
		`status.certificateChain: Invalid value: ".a": leaf certificate's DNSName should not start or end with '.'`,
		`status.certificateChain: Invalid value: "a": leaf certificate should not contain invalid EmailAddress`})
}

package certificates

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

type podRequest = certificatesv1.PodCertificateRequest

// The bounds of a pod's certificate's life in seconds; those of Kubernetes' own
// signers live at most a day.
const (
	leastLife   = 60 * 60
	mostLife    = 91 * 24 * 60 * 60
	mostOwnLife = 24 * 60 * 60
	maxUID      = 128
	maxStub     = 10 * 1024  // bytes
	maxChain    = 100 * 1024 // bytes
)

func validatePodRequest(r *podRequest) field.ErrorList {
	s := &r.Spec
	errs := core.SignerName(podSpec.Child("signerName"), s.SignerName)
	errs = append(errs, core.UserAnnotations(s.UnverifiedUserAnnotations, podSpec.Child("unverifiedUserAnnotations"))...)
	for _, of := range []struct{ kind, name, uid string }{
		{"pod", s.PodName, string(s.PodUID)}, {"serviceAccount", s.ServiceAccountName, string(s.ServiceAccountUID)}, {"node", string(s.NodeName), string(s.NodeUID)},
	} {
		for _, msg := range validation.IsDNS1123Subdomain(of.name) {
			errs = append(errs, field.Invalid(podSpec.Child(of.kind+"Name"), of.name, msg))
		}
		at := podSpec.Child(of.kind + "UID")
		if of.uid == "" {
			errs = append(errs, field.Invalid(at, of.uid, "must not be empty"))
		}
		if len(of.uid) > maxUID {
			errs = append(errs, field.TooLong(at, of.uid, maxUID))
		}
	}
	at, n := podSpec.Child("maxExpirationSeconds"), s.MaxExpirationSeconds
	if n == nil {
		return append(errs, field.Required(at, "must be set"))
	}
	most := int32(mostLife)
	if core.IsKubernetesSigner(s.SignerName) {
		most = mostOwnLife
	}
	if *n < leastLife || *n > most {
		errs = append(errs, field.Invalid(at, *n, fmt.Sprintf("must be in the range [%d, %d]", leastLife, most)))
	}
	return append(errs, validatePodKey(s.StubPKCS10Request, podSpec.Child("stubPKCS10Request"))...)
}

// validatePodKey: the request holds the key and proves, by its signature, that
// whoever asks has the private half.
func validatePodKey(stub []byte, at *field.Path) field.ErrorList {
	wrong := func(value any, text string) field.ErrorList { return field.ErrorList{field.Invalid(at, value, text)} }
	switch {
	case len(stub) == 0:
		return field.ErrorList{field.Invalid(podSpec, field.OmitValueType{}, "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set")}
	case len(stub) > maxStub:
		return field.ErrorList{field.TooLong(at, "", maxStub)}
	}
	request, err := x509.ParseCertificateRequest(stub)
	if err != nil {
		return wrong(field.OmitValueType{}, "must be a valid PKCS#10 CSR")
	}
	switch key := request.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return wrong("curve "+key.Curve.Params().Name, "elliptic public keys must use curve P256, P384, or P521")
		}
	case *rsa.PublicKey:
		if bits := key.Size() * 8; bits != 3072 && bits != 4096 {
			return wrong(fmt.Sprintf("%d-bit modulus", bits), "RSA keys must have modulus size 3072 or 4096")
		}
	default:
		return wrong(field.OmitValueType{}, "unknown public key type; supported types are Ed25519, ECDSA, and RSA")
	}
	if request.CheckSignature() != nil {
		return wrong(field.OmitValueType{}, "invalid signature")
	}
	return nil
}

// ends are the conditions after which nothing changes.
var ends = []string{"Issued", "Denied", "Failed"}

func ended(r *podRequest, kinds ...string) bool {
	return slices.ContainsFunc(r.Status.Conditions, func(c metav1.Condition) bool {
		return slices.Contains(kinds, c.Type) && c.Status == metav1.ConditionTrue
	})
}

var (
	podSpec   = field.NewPath("spec")
	podStatus = field.NewPath("status")
	chain     = podStatus.Child("certificateChain")
)

// validatePodRequestStatus: a request is issued, denied or failed, once.
func validatePodRequestStatus(r, old *podRequest) field.ErrorList {
	if errs := podConditions(r.Status.Conditions); len(errs) > 0 {
		return errs
	}
	same := func(a, b any, text string) field.ErrorList {
		if equality.Semantic.DeepEqual(a, b) {
			return nil
		}
		return field.ErrorList{field.Invalid(podStatus, field.OmitValueType{}, text)}
	}
	switch {
	case ended(old, ends...):
		return same(r.Status, old.Status, "immutable after PodCertificateRequest is issued, denied, or failed")
	case ended(r, "Denied", "Failed"):
		return same(r.Status, certificatesv1.PodCertificateRequestStatus{Conditions: r.Status.Conditions},
			"non-condition status fields must be empty when denying or failing the PodCertificateRequest")
	case ended(r, "Issued"):
		return issued(r)
	}
	return same(r.Status, old.Status, `status is immutable unless transitioning to "Issued", "Denied", or "Failed"`)
}

func podConditions(conditions []metav1.Condition) field.ErrorList {
	var errs field.ErrorList
	for i, c := range conditions {
		at := podStatus.Child("conditions", fmt.Sprintf("[%d]", i))
		if !slices.Contains(ends, c.Type) {
			errs = append(errs, field.NotSupported(at.Child("type"), c.Type, ends))
			continue
		}
		if i > 0 {
			errs = append(errs, field.Invalid(at.Child("type"), c.Type, `There may be at most one condition with type "Issued", "Denied", or "Failed"`))
		}
		if c.Status != metav1.ConditionTrue {
			errs = append(errs, field.NotSupported(at.Child("status"), c.Status, []metav1.ConditionStatus{metav1.ConditionTrue}))
		}
	}
	return append(errs, metavalidation.ValidateConditions(conditions, podStatus.Child("conditions"))...)
}

// issued checks the certificate against what was asked for, and the times.
func issued(r *podRequest) field.ErrorList {
	wrong := func(text string) field.ErrorList {
		return field.ErrorList{field.Invalid(chain, r.Status.CertificateChain, text)}
	}
	if len(r.Status.CertificateChain) > maxChain {
		return field.ErrorList{field.TooLong(chain, "", maxChain)}
	}
	block, rest := pem.Decode([]byte(r.Status.CertificateChain))
	switch {
	case block == nil:
		return wrong("issued certificate chain must contain at least one certificate")
	case block.Type != "CERTIFICATE":
		return wrong("issued certificate chain must consist entirely of CERTIFICATE PEM blocks")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return wrong("leaf certificate does not parse as valid X.509")
	}
	errs := subjectNames(leaf)
	request, err := x509.ParseCertificateRequest(r.Spec.StubPKCS10Request)
	if err != nil || !bytes.Equal(leaf.RawSubjectPublicKeyInfo, request.RawSubjectPublicKeyInfo) {
		return append(errs, wrong("leaf certificate was not issued to the requested public key")...)
	}
	if errs = append(errs, issuedTimes(r, leaf)...); len(errs) > 0 {
		return errs
	}
	for block, rest = pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return wrong("issued certificate chain must consist entirely of CERTFICATE PEM blocks")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return wrong("intermediate certificate does not parse as valid X.509")
		}
	}
	return nil
}

// subjectNames checks the names that a certificate vouches for.
func subjectNames(leaf *x509.Certificate) field.ErrorList {
	var errs field.ErrorList
	wrong := func(name, text string) { errs = append(errs, field.Invalid(chain, name, text)) }
	for _, name := range leaf.DNSNames {
		if name == "" {
			wrong(name, "leaf certificate should not contain empty DNSName")
		}
		if strings.Contains(name, "..") {
			wrong(name, "leaf certificate's DNSName should not contain '..'")
		}
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
			wrong(name, "leaf certificate's DNSName should not start or end with '.'")
		}
	}
	for _, address := range leaf.EmailAddresses {
		if _, err := mail.ParseAddress(address); err != nil {
			wrong(address, "leaf certificate should not contain invalid EmailAddress")
		}
	}
	return errs
}

func issuedTimes(r *podRequest, leaf *x509.Certificate) field.ErrorList {
	s := &r.Status
	before, after, refresh := podStatus.Child("notBefore"), podStatus.Child("notAfter"), podStatus.Child("beginRefreshAt")
	var errs field.ErrorList
	if s.NotBefore == nil {
		errs = append(errs, field.Required(before, "must be present and consistent with the issued certificate"))
	}
	if s.NotAfter == nil {
		errs = append(errs, field.Required(after, "must be present and consistent with the issued certificate"))
	}
	if s.BeginRefreshAt == nil {
		errs = append(errs, field.Required(refresh, "must be present and in the range [notbefore+10min, notafter-10min]"))
	}
	if len(errs) > 0 {
		return errs
	}
	wrong := func(at *field.Path, value any, text string) field.ErrorList {
		return field.ErrorList{field.Invalid(at, value, text)}
	}
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	switch {
	case !s.NotBefore.Time.Equal(leaf.NotBefore):
		return wrong(before, s.NotBefore.Time, "must be set to the NotBefore time encoded in the leaf certificate")
	case time.Since(leaf.NotBefore).Abs() >= 5*time.Minute:
		return wrong(before, s.NotBefore.Time, "must be set to within 5 minutes of kube-apiserver's current time")
	case !s.NotAfter.Time.Equal(leaf.NotAfter):
		return wrong(after, s.NotAfter.Time, "must be set to the NotAfter time encoded in the leaf certificate")
	case life < time.Hour:
		return wrong(chain, life, "leaf certificate lifetime must be >= 1 hour")
	case life > time.Duration(*r.Spec.MaxExpirationSeconds)*time.Second:
		return wrong(chain, life, fmt.Sprintf("leaf certificate lifetime must be <= spec.maxExpirationSeconds (%d)", *r.Spec.MaxExpirationSeconds))
	case s.BeginRefreshAt.Time.Before(leaf.NotBefore.Add(10 * time.Minute)):
		return wrong(refresh, s.BeginRefreshAt.Time, "must be at least 10 minutes after status.notBefore")
	case s.BeginRefreshAt.Time.After(leaf.NotAfter.Add(-10 * time.Minute)):
		return wrong(refresh, s.BeginRefreshAt.Time, "must be at least 10 minutes before status.notAfter")
	}
	return nil
}

package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// shortestSeconds is the shortest life that may be asked for.
const shortestSeconds = 600

// validName lets a request be called anything that fits in a path.
func validName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

var usages = []certificatesv1.KeyUsage{
	certificatesv1.UsageAny, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth,
	certificatesv1.UsageCodeSigning, certificatesv1.UsageContentCommitment, certificatesv1.UsageCRLSign, certificatesv1.UsageDataEncipherment,
	certificatesv1.UsageDecipherOnly, certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection,
	certificatesv1.UsageEncipherOnly, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser,
	certificatesv1.UsageKeyAgreement, certificatesv1.UsageKeyEncipherment, certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC,
	certificatesv1.UsageOCSPSigning, certificatesv1.UsageSMIME, certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
}

const unknownSigner = "kubernetes.io/legacy-unknown"

// validateRequest is about a new request: it never changes.
func validateRequest(r *certificatesv1.CertificateSigningRequest) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if err := checkRequest(r.Spec.Request); err != nil {
		errs = append(errs, field.Invalid(path.Child("request"), r.Spec.Request, err.Error()))
	}
	at := path.Child("usages")
	if len(r.Spec.Usages) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	for i, u := range r.Spec.Usages {
		if !slices.Contains(usages, u) {
			errs = append(errs, field.NotSupported(at.Index(i), u, usages))
		}
	}
	for i, u := range r.Spec.Usages {
		if slices.Contains(r.Spec.Usages[:i], u) {
			errs = append(errs, field.Duplicate(at.Index(i), u))
		}
	}
	if r.Spec.SignerName == unknownSigner {
		errs = append(errs, field.Invalid(path.Child("signerName"), r.Spec.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, core.SignerName(path.Child("signerName"), r.Spec.SignerName)...)
	}
	if s := r.Spec.ExpirationSeconds; s != nil && *s < shortestSeconds {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *s, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return errs
}

// checkRequest parses the request and checks that it is signed with its key.
func checkRequest(data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	return request.CheckSignature()
}

// checkCertificate parses all certificates of a chain.
func checkCertificate(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	for n := 0; ; n++ {
		block, rest := pem.Decode(data)
		switch {
		case block == nil && n == 0:
			return errors.New("must contain at least one CERTIFICATE PEM block")
		case block == nil:
			return nil
		case block.Type != "CERTIFICATE":
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		case len(block.Headers) != 0:
			return errors.New("no PEM block headers are permitted")
		}
		all, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return errors.New("found CERTIFICATE PEM block containing 0 certificates")
		}
		data = rest
	}
}

var conditionsPath = field.NewPath("status", "conditions")

// final conditions are true or not there, and never go away.
var final = []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed}

func validateConditions(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	var errs field.ErrorList
	seen := map[certificatesv1.RequestConditionType]bool{}
	allowed := allowedBefore(old)
	for i, c := range r.Status.Conditions {
		at := conditionsPath.Index(i)
		if c.Type == "" && !allowed.untyped {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		values := []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown}
		if slices.Contains(final, c.Type) {
			values = []corev1.ConditionStatus{corev1.ConditionTrue}
		}
		switch {
		case c.Status == "":
			errs = append(errs, field.Required(at.Child("status"), ""))
		case !slices.Contains(values, c.Status):
			errs = append(errs, field.NotSupported(at.Child("status"), c.Status, values))
		}
		if seen[c.Type] && !allowed.twice {
			errs = append(errs, field.Duplicate(at.Child("type"), c.Type))
		}
		seen[c.Type] = true
	}
	return errs
}

// oneDecision refuses to approve and deny, in the words of Kubernetes' declarative
// rule, which comes after all others.
func oneDecision(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	if !decidedTwice(r) || decidedTwice(old) {
		return nil
	}
	const approved, denied = `conditions[{"type": "Approved"}]`, `conditions[{"type": "Denied"}]`
	return field.ErrorList{field.Invalid(conditionsPath, "{"+approved+", "+denied+"}", "must specify at most one of: `"+approved+"`, `"+denied+"`")}
}

func decidedTwice(r *certificatesv1.CertificateSigningRequest) bool {
	return len(conditionsOf(r, certificatesv1.CertificateApproved)) > 0 && len(conditionsOf(r, certificatesv1.CertificateDenied)) > 0
}

// leniency is what a request may go on to break.
type leniency struct{ untyped, twice bool }

func allowedBefore(old *certificatesv1.CertificateSigningRequest) leniency {
	var l leniency
	seen := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range old.Status.Conditions {
		l.untyped = l.untyped || c.Type == ""
		l.twice = l.twice || seen[c.Type]
		seen[c.Type] = true
	}
	return l
}

func conditionsOf(r *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) []certificatesv1.CertificateSigningRequestCondition {
	var all []certificatesv1.CertificateSigningRequestCondition
	for _, c := range r.Status.Conditions {
		if c.Type == kind {
			all = append(all, c)
		}
	}
	return all
}

func validateApproval(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return append(validateKept(r, old), oneDecision(r, old)...)
}

// validateKept lets conditions come, but not go.
func validateKept(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateConditions(r, old)
	for _, kind := range final {
		if len(conditionsOf(r, kind)) < len(conditionsOf(old, kind)) {
			errs = append(errs, field.Forbidden(conditionsPath, fmt.Sprintf("updates may not remove a condition of type %q", kind)))
		}
	}
	return errs
}

// validateSigned lets the signer set the certificate, once, and no decision.
func validateSigned(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return append(validateSignature(r, old), oneDecision(r, old)...)
}

func validateSignature(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateKept(r, old)
	for _, kind := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
		now, before := conditionsOf(r, kind), conditionsOf(old, kind)
		switch {
		case len(now) > len(before):
			errs = append(errs, field.Forbidden(conditionsPath, fmt.Sprintf("updates may not add a condition of type %q", kind)))
		case len(now) == len(before) && !equality.Semantic.DeepEqual(now, before):
			errs = append(errs, field.Forbidden(conditionsPath, fmt.Sprintf("updates may not modify a condition of type %q", kind)))
		}
	}
	if bytes.Equal(r.Status.Certificate, old.Status.Certificate) {
		return errs
	}
	at := field.NewPath("status", "certificate")
	if err := checkCertificate(r.Status.Certificate); err != nil && checkCertificate(old.Status.Certificate) == nil {
		errs = append(errs, field.Invalid(at, "<certificate data>", err.Error()))
	}
	if len(old.Status.Certificate) > 0 {
		errs = append(errs, field.Forbidden(at, "updates may not modify existing certificate content"))
	}
	return errs
}

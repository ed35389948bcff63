package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// shortestSeconds is the shortest life that may be asked for.
const shortestSeconds = 600

func validateRequest(r *certificatesv1.CertificateSigningRequest) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	block, _ := pem.Decode(r.Spec.Request)
	switch {
	case block == nil || block.Type != "CERTIFICATE REQUEST":
		errs = append(errs, field.Invalid(path.Child("request"), r.Spec.Request, "PEM block type must be CERTIFICATE REQUEST"))
	default:
		if _, err := x509.ParseCertificateRequest(block.Bytes); err != nil {
			errs = append(errs, field.Invalid(path.Child("request"), r.Spec.Request, fmt.Sprint(err)))
		}
	}
	if len(r.Spec.Usages) == 0 {
		errs = append(errs, field.Required(path.Child("usages"), "usages must be provided"))
	}
	errs = append(errs, validateSigner(r.Spec.SignerName, path.Child("signerName"))...)
	if s := r.Spec.ExpirationSeconds; s != nil && *s < shortestSeconds {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *s, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return append(errs, validateConditions(r)...)
}

func validateSigner(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	domain, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || !strings.Contains(domain, ".") {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	return nil
}

func validateConditions(r *certificatesv1.CertificateSigningRequest) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "conditions")
	seen := map[certificatesv1.RequestConditionType]bool{}
	for i, c := range r.Status.Conditions {
		at := path.Index(i)
		if c.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		if c.Status == "" {
			errs = append(errs, field.Required(at.Child("status"), ""))
		}
		if seen[c.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), c.Type))
		}
		seen[c.Type] = true
	}
	if seen[certificatesv1.CertificateApproved] && seen[certificatesv1.CertificateDenied] {
		errs = append(errs, field.Invalid(path, "", "Approved and Denied conditions are mutually exclusive"))
	}
	return errs
}

func validateApproval(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateConditions(r)
	now := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range r.Status.Conditions {
		now[c.Type] = true
	}
	for _, c := range old.Status.Conditions {
		if !now[c.Type] {
			errs = append(errs, field.Forbidden(field.NewPath("status", "conditions"), fmt.Sprintf("updates may not remove a condition of type %q", c.Type)))
		}
	}
	return errs
}

func validateSigned(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateConditions(r)
	if len(old.Status.Certificate) > 0 && string(r.Status.Certificate) != string(old.Status.Certificate) {
		errs = append(errs, field.Forbidden(field.NewPath("status", "certificate"), "updates may not modify a certificate"))
	}
	return errs
}

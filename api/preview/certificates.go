package preview

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func clusterTrustBundles() *api.Resource {
	return api.Definition[*certificatesv1beta1.ClusterTrustBundle]{
		Kind:           certificatesv1beta1.SchemeGroupVersion.WithKind("ClusterTrustBundle"),
		Plural:         "clustertrustbundles",
		Cluster:        true,
		New:            api.New[certificatesv1beta1.ClusterTrustBundle],
		NewList:        api.NewList[certificatesv1beta1.ClusterTrustBundleList],
		ValidName:      validBundleName,
		Validate:       validateBundle,
		ValidateUpdate: validateBundleUpdate,
		Fields: map[string]func(*certificatesv1beta1.ClusterTrustBundle) string{
			"spec.signerName": func(b *certificatesv1beta1.ClusterTrustBundle) string { return b.Spec.SignerName },
		},
		Columns: []api.Column[*certificatesv1beta1.ClusterTrustBundle]{
			{Name: "SignerName", Cell: func(b *certificatesv1beta1.ClusterTrustBundle) any { return api.OrNone(b.Spec.SignerName) }},
		},
	}.Resource()
}

// validBundleName: the name of a signer, with colons for its slashes, may come
// before the last part.
func validBundleName(name string, prefix bool) []string {
	parts := strings.Split(name, ":")
	for i, part := range parts {
		if part == "" && prefix && i == len(parts)-1 {
			continue
		}
		if msgs := apivalidation.NameIsDNSSubdomain(part, prefix && i == len(parts)-1); len(msgs) > 0 {
			return msgs
		}
	}
	return nil
}

func validateBundle(b *certificatesv1beta1.ClusterTrustBundle) field.ErrorList {
	name := field.NewPath("metadata", "name")
	var errs field.ErrorList
	if signer := b.Spec.SignerName; signer != "" {
		errs = append(errs, validateSignerName(signer, spec.Child("signerName"))...)
		if head := strings.ReplaceAll(signer, "/", ":") + ":"; !strings.HasPrefix(b.Name, head) {
			errs = append(errs, field.Invalid(name, b.Name, fmt.Sprintf("ClusterTrustBundle for signerName %s must be named with prefix %s", signer, head)))
		}
	} else if strings.Contains(b.Name, ":") {
		errs = append(errs, field.Invalid(name, b.Name, "ClusterTrustBundle without signer name must not have \":\" in its name"))
	}
	return append(errs, validateAnchors(b.Spec.TrustBundle, spec.Child("trustBundle"))...)
}

func validateBundleUpdate(b, old *certificatesv1beta1.ClusterTrustBundle) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(b.Spec.SignerName, old.Spec.SignerName, spec.Child("signerName"))
	if b.Spec.TrustBundle == old.Spec.TrustBundle {
		return errs
	}
	return append(errs, validateBundle(b)...)
}

// validateSignerName checks the form domain/path.
func validateSignerName(name string, path *field.Path) field.ErrorList {
	domain, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || strings.Contains(rest, "/") || !strings.Contains(domain, ".") ||
		len(validation.IsDNS1123Subdomain(domain)) > 0 || len(validation.IsDNS1123Subdomain(rest)) > 0 {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	return nil
}

// maxBundle bounds a trust bundle, in bytes.
const maxBundle = 1 << 20

func validateAnchors(text string, path *field.Path) field.ErrorList {
	if len(text) > maxBundle {
		return field.ErrorList{field.TooLong(path, "", maxBundle)}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if n == 0 {
				errs = append(errs, field.Invalid(path, "<value omitted>", "at least one trust anchor must be provided"))
			}
			return errs
		}
		if problem := anchorProblem(block); problem != "" {
			errs = append(errs, field.Invalid(path, "<value omitted>", fmt.Sprintf("entry %d %s", n, problem)))
		} else if seen[string(block.Bytes)] {
			errs = append(errs, field.Invalid(path, "<value omitted>", fmt.Sprintf("duplicate trust anchor (entry %d)", n)))
		}
		seen[string(block.Bytes)] = true
	}
}

func anchorProblem(block *pem.Block) string {
	if block.Type != "CERTIFICATE" {
		return "has bad block type: " + block.Type
	}
	if len(block.Headers) > 0 {
		return "has PEM block headers"
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return "does not parse as X.509"
	case !cert.BasicConstraintsValid:
		return "does not have valid basic constraints"
	case !cert.IsCA:
		return "does not have the CA bit set"
	}
	return ""
}

func podCertificateRequests() *api.Resource {
	type request = certificatesv1beta1.PodCertificateRequest
	return api.Definition[*request]{
		Kind:             certificatesv1beta1.SchemeGroupVersion.WithKind("PodCertificateRequest"),
		Plural:           "podcertificaterequests",
		New:              api.New[request],
		NewList:          api.NewList[certificatesv1beta1.PodCertificateRequestList],
		Default:          func(r *request) { api.FillPointer(&r.Spec.MaxExpirationSeconds, 24*60*60) },
		PrepareForCreate: func(r *request) { r.Status = certificatesv1beta1.PodCertificateRequestStatus{} },
		PrepareForUpdate: func(r, old *request) { r.Status = old.Status },
		Validate:         validatePodRequest,
		ValidateUpdate: func(r, old *request) field.ErrorList {
			return apivalidation.ValidateImmutableField(r.Spec, old.Spec, spec)
		},
		Subresources: map[string]api.Subresource[*request]{
			"status": {Prepare: func(r, old *request) { r.Spec = old.Spec; api.KeepMetadata(r, old) }, ValidateUpdate: validatePodRequestStatus},
		},
		Fields: map[string]func(*request) string{
			"spec.signerName": func(r *request) string { return r.Spec.SignerName },
			"spec.podName":    func(r *request) string { return r.Spec.PodName },
			"spec.nodeName":   func(r *request) string { return string(r.Spec.NodeName) },
		},
	}.Resource()
}

// The bounds of a pod's certificate's life in seconds.
const (
	leastLife = 60 * 60
	mostLife  = 91 * 24 * 60 * 60
)

func validatePodRequest(r *certificatesv1beta1.PodCertificateRequest) field.ErrorList {
	s := &r.Spec
	errs := validateSignerName(s.SignerName, spec.Child("signerName"))
	for child, name := range map[string]string{"podName": s.PodName, "serviceAccountName": s.ServiceAccountName, "nodeName": string(s.NodeName)} {
		errs = append(errs, optional(&name, spec.Child(child), validation.IsDNS1123Subdomain)...)
	}
	for child, uid := range map[string]string{"podUID": string(s.PodUID), "serviceAccountUID": string(s.ServiceAccountUID), "nodeUID": string(s.NodeUID)} {
		if uid == "" || len(uid) > 128 {
			errs = append(errs, field.Invalid(spec.Child(child), uid, "must not be empty, and no longer than 128 characters"))
		}
	}
	if n := s.MaxExpirationSeconds; n == nil {
		errs = append(errs, field.Required(spec.Child("maxExpirationSeconds"), "must be set"))
	} else {
		errs = append(errs, between(*n, leastLife, mostLife, spec.Child("maxExpirationSeconds"))...)
	}
	return append(errs, validatePodKey(s)...)
}

// validatePodKey verifies that whoever asks holds the key.
func validatePodKey(s *certificatesv1beta1.PodCertificateRequestSpec) field.ErrorList {
	if len(s.StubPKCS10Request) == 0 {
		if len(s.PKIXPublicKey) == 0 {
			return field.ErrorList{field.Required(spec.Child("stubPKCS10Request"), "must be set")}
		}
		if err := provesPossession(s.PKIXPublicKey, []byte(s.PodUID), s.ProofOfPossession); err != nil {
			return field.ErrorList{field.Invalid(spec.Child("proofOfPossession"), field.OmitValueType{}, err.Error())}
		}
		return nil
	}
	if len(s.PKIXPublicKey) > 0 || len(s.ProofOfPossession) > 0 {
		return field.ErrorList{field.Forbidden(spec.Child("pkixPublicKey"), "may not be set together with `stubPKCS10Request`")}
	}
	request, err := x509.ParseCertificateRequest(s.StubPKCS10Request)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return field.ErrorList{field.Invalid(spec.Child("stubPKCS10Request"), field.OmitValueType{}, err.Error())}
	}
	return nil
}

func validatePodRequestStatus(r, old *certificatesv1beta1.PodCertificateRequest) field.ErrorList {
	status := field.NewPath("status")
	errs := metavalidation.ValidateConditions(r.Status.Conditions, status.Child("conditions"))
	final := 0
	for _, kind := range []string{"Issued", "Denied", "Failed"} {
		if c := conditionOf(r.Status.Conditions, kind); c != nil {
			if final++; c.Status != "True" {
				errs = append(errs, field.NotSupported(status.Child("conditions").Key(kind).Child("status"), c.Status, []string{"True"}))
			}
		}
	}
	if final > 1 {
		errs = append(errs, field.Invalid(status.Child("conditions"), field.OmitValueType{}, `There may be at most one condition with type "Issued", "Denied", or "Failed"`))
	}
	if old.Status.CertificateChain != "" {
		return append(errs, apivalidation.ValidateImmutableField(r.Status, old.Status, status)...)
	}
	if r.Status.CertificateChain == "" {
		return errs
	}
	block, _ := pem.Decode([]byte(r.Status.CertificateChain))
	if block == nil || block.Type != "CERTIFICATE" {
		return append(errs, field.Invalid(status.Child("certificateChain"), field.OmitValueType{}, "must consist entirely of CERTIFICATE PEM blocks"))
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return append(errs, field.Invalid(status.Child("certificateChain"), field.OmitValueType{}, "leaf certificate does not parse as valid X.509"))
	}
	if request, err := x509.ParseCertificateRequest(r.Spec.StubPKCS10Request); err == nil && !bytes.Equal(leaf.RawSubjectPublicKeyInfo, request.RawSubjectPublicKeyInfo) {
		errs = append(errs, field.Invalid(status.Child("certificateChain"), field.OmitValueType{}, "leaf certificate was not issued to the requested public key"))
	}
	return errs
}

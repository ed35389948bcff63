package preview

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/core"
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
		errs = append(errs, core.SignerName(spec.Child("signerName"), signer)...)
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

// maxBundle bounds a trust bundle, in bytes.
const maxBundle = 1 << 20

func validateAnchors(text string, path *field.Path) field.ErrorList {
	if len(text) > maxBundle {
		return field.ErrorList{field.TooLong(path, "", maxBundle)}
	}
	var errs field.ErrorList
	places := map[string][]int{}
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if problem := anchorProblem(block); problem != "" {
			errs = append(errs, field.Invalid(path, "<value omitted>", fmt.Sprintf("entry %d %s", n, problem)))
			continue
		}
		places[string(block.Bytes)] = append(places[string(block.Bytes)], n)
	}
	if len(errs) > 0 {
		return errs
	}
	if len(places) == 0 {
		errs = append(errs, field.Invalid(path, "<value omitted>", "at least one trust anchor must be provided"))
	}
	for _, all := range places {
		if len(all) > 1 {
			errs = append(errs, field.Invalid(path, "<value omitted>", fmt.Sprintf("duplicate trust anchor (indices %v)", all)))
		}
	}
	return errs
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
	case !cert.IsCA:
		return "does not have the CA bit set"
	case !cert.BasicConstraintsValid:
		return "has invalid basic constraints"
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

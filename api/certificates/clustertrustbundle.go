package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/core"
)

var bundleSpec = field.NewPath("spec")

func clusterTrustBundles() *api.Resource {
	return api.Definition[*certificatesv1.ClusterTrustBundle]{
		Kind:                  certificatesv1.SchemeGroupVersion.WithKind("ClusterTrustBundle"),
		Plural:                "clustertrustbundles",
		Cluster:               true,
		New:                   api.New[certificatesv1.ClusterTrustBundle],
		NewList:               api.NewList[certificatesv1.ClusterTrustBundleList],
		NameRule:              bundleName,
		ConditionalUpdateOnly: true,
		Validate:              validateBundle,
		ValidateUpdate:        validateBundleUpdate,
		Fields: map[string]func(*certificatesv1.ClusterTrustBundle) string{
			"spec.signerName": func(b *certificatesv1.ClusterTrustBundle) string { return b.Spec.SignerName },
		},
		Columns: []api.Column[*certificatesv1.ClusterTrustBundle]{
			{Name: "SignerName", Cell: func(b *certificatesv1.ClusterTrustBundle) any { return api.OrNone(b.Spec.SignerName) }},
		},
	}.Resource()
}

// bundleName: the name of the signer, if any, comes before the last part, with colons
// for its slashes.
func bundleName(b *certificatesv1.ClusterTrustBundle) func(string, bool) []string {
	signer := b.Spec.SignerName
	head := strings.ReplaceAll(signer, "/", ":") + ":"
	return func(name string, prefix bool) []string {
		switch {
		case signer == "" && strings.Contains(name, ":"):
			return []string{"ClusterTrustBundle without signer name must not have \":\" in its name"}
		case signer != "" && !strings.HasPrefix(name, head):
			return []string{fmt.Sprintf("ClusterTrustBundle for signerName %s must be named with prefix %s", signer, head)}
		}
		return apivalidation.NameIsDNSSubdomain(strings.TrimPrefix(name, head), prefix)
	}
}

func validateBundle(b *certificatesv1.ClusterTrustBundle) field.ErrorList {
	var errs field.ErrorList
	if signer := b.Spec.SignerName; signer != "" {
		errs = core.SignerName(bundleSpec.Child("signerName"), signer)
	}
	return append(errs, validateAnchors(b.Spec.TrustBundle, bundleSpec.Child("trustBundle"))...)
}

func validateBundleUpdate(b, old *certificatesv1.ClusterTrustBundle) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(b.Spec.SignerName, old.Spec.SignerName, bundleSpec.Child("signerName"))
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

package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// projection checks one projected volume.
type projection struct {
	*specCheck
	// path is the volume source's.
	path *field.Path
	// taken are the paths of the files so far.
	taken map[string]bool
}

func (v *specCheck) projected(s *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	errs := fileMode(s.DefaultMode, path.Child("defaultMode"))
	errs = append(errs, owner(s.DefaultUser, path.Child("defaultUser"))...)
	p := projection{specCheck: v, path: path, taken: map[string]bool{}}
	for i := range s.Sources {
		errs = append(errs, p.source(&s.Sources[i], path.Child("sources").Index(i))...)
	}
	return errs
}

func (p projection) source(s *corev1.VolumeProjection, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	sources := 0
	if s.Secret != nil {
		sources++
		errs = append(errs, p.keys(s.Secret.Name, s.Secret.Items, path.Child("secret"))...)
	}
	if s.ConfigMap != nil {
		sources++
		errs = append(errs, p.keys(s.ConfigMap.Name, s.ConfigMap.Items, path.Child("configMap"))...)
	}
	if s.DownwardAPI != nil {
		sources++
		for i := range s.DownwardAPI.Items {
			errs = append(errs, downwardFiles(s.DownwardAPI.Items[i:i+1], path.Child("downwardAPI"))...)
			errs = append(errs, p.take(s.DownwardAPI.Items[i].Path, s.DownwardAPI.Items[i].Path)...)
		}
	}
	if s.ServiceAccountToken != nil {
		sources++
		errs = append(errs, p.token(s.ServiceAccountToken, path.Child("serviceAccountToken"))...)
	}
	if s.ClusterTrustBundle != nil {
		sources++
		errs = append(errs, p.trustBundle(s.ClusterTrustBundle, path.Child("clusterTrustBundle"))...)
	}
	if s.PodCertificate != nil {
		sources++
		errs = append(errs, p.certificate(s.PodCertificate, path.Child("podCertificate"))...)
	}
	if sources > 1 {
		errs = append(errs, field.Forbidden(path, "may not specify more than 1 volume type per source"))
	}
	return errs
}

// take notes the path of a file; value is what an error names when it is taken.
func (p projection) take(file, value string) field.ErrorList {
	if file == "" {
		return nil
	}
	if p.taken[file] {
		return field.ErrorList{field.Invalid(p.path, value, "conflicting duplicate paths")}
	}
	p.taken[file] = true
	return nil
}

func (p projection) keys(name string, items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	errs := required(path.Child("name"), name)
	errs = append(errs, keysToPaths(items, path.Child("items"))...)
	for _, item := range items {
		errs = append(errs, p.take(item.Path, name)...)
	}
	return errs
}

func (p projection) token(t *corev1.ServiceAccountTokenProjection, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("expirationSeconds")
	switch {
	case t.ExpirationSeconds == nil:
		errs = append(errs, field.Required(at, ""))
	case *t.ExpirationSeconds < 10*60:
		errs = append(errs, field.Invalid(at, *t.ExpirationSeconds, "may not specify a duration less than 10 minutes"))
	case *t.ExpirationSeconds > 1<<32:
		errs = append(errs, field.Invalid(at, *t.ExpirationSeconds, "may not specify a duration larger than 2^32 seconds"))
	}
	// The path is named as if it were the volume's: so does Kubernetes.
	if t.Path == "" {
		errs = append(errs, field.Required(p.path.Child("path"), ""))
	} else {
		errs = append(errs, p.since(ruleTokenPath, filePath(t.Path, p.path.Child("path")))...)
	}
	return append(errs, owner(t.User, path.Child("user"))...)
}

func (p projection) trustBundle(b *corev1.ClusterTrustBundleProjection, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case b.Name != nil && b.SignerName != nil:
		errs = append(errs, field.Invalid(path, b, "only one of name and signerName may be used"))
	case b.Name != nil:
		if *b.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), "must be a valid object name"))
		}
		for _, msg := range TrustBundleName(*b.Name) {
			errs = append(errs, field.Invalid(path.Child("name"), *b.Name, fmt.Sprintf("not a valid clustertrustbundlename: %v", msg)))
		}
		if b.LabelSelector != nil {
			errs = append(errs, field.Invalid(path.Child("labelSelector"), b.LabelSelector, "labelSelector must be unset if name is specified"))
		}
	case b.SignerName != nil:
		if *b.SignerName == "" {
			errs = append(errs, field.Required(path.Child("signerName"), "must be a valid signer name"))
		}
		errs = append(errs, SignerName(path.Child("signerName"), *b.SignerName)...)
		errs = append(errs, metav1validation.ValidateLabelSelector(b.LabelSelector, metav1validation.LabelSelectorValidationOptions{}, path.Child("labelSelector"))...)
	default:
		errs = append(errs, field.Required(path, "either name or signerName must be specified"))
	}
	errs = append(errs, required(path.Child("path"), b.Path)...)
	errs = append(errs, owner(b.User, path.Child("user"))...)
	errs = append(errs, filePath(b.Path, path.Child("path"))...)
	return append(errs, p.take(b.Path, b.Path)...)
}

// The seconds for which a pod's certificate may be asked (KEP-4317): at most 91
// days, and a day of one of Kubernetes' own signers.
const (
	minCertificateSeconds     = 3600
	maxCertificateSeconds     = 91 * 24 * 3600
	maxKubeCertificateSeconds = 24 * 3600
)

var certificateKeys = []string{"RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"}

func (p projection) certificate(c *corev1.PodCertificateProjection, path *field.Path) field.ErrorList {
	errs := SignerName(path.Child("signerName"), c.SignerName)
	errs = append(errs, UserAnnotations(c.UserAnnotations, path.Child("userAnnotations"))...)
	errs = append(errs, owner(c.User, path.Child("user"))...)
	errs = append(errs, oneOf(path.Child("keyType"), c.KeyType, certificateKeys...)...)
	if seconds := c.MaxExpirationSeconds; seconds != nil {
		most := int32(maxCertificateSeconds)
		if IsKubernetesSigner(c.SignerName) {
			most = maxKubeCertificateSeconds
		}
		at := path.Child("maxExpirationSeconds")
		if *seconds < minCertificateSeconds {
			errs = append(errs, field.Invalid(at, *seconds, "if provided, maxExpirationSeconds must be >= 3600"))
		}
		if *seconds > most {
			errs = append(errs, field.Invalid(at, *seconds, fmt.Sprintf("if provided, maxExpirationSeconds must be <= %d", most)))
		}
	}
	some := false
	for _, f := range []struct{ name, path string }{
		{"credentialBundlePath", c.CredentialBundlePath}, {"keyPath", c.KeyPath}, {"certificateChainPath", c.CertificateChainPath},
	} {
		if f.path != "" {
			some = true
			errs = append(errs, filePath(f.path, path.Child(f.name))...)
			errs = append(errs, p.take(f.path, f.path)...)
		}
	}
	if !some {
		errs = append(errs, field.Required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
	}
	return errs
}

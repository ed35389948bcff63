package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxSignerName is the length of a signer's name: a domain, and the names of a
// namespace and of an object in it.
const maxSignerName = validation.DNS1123SubdomainMaxLength + 1 + validation.DNS1123LabelMaxLength + 1 + validation.DNS1123SubdomainMaxLength

// SignerName checks the name of a signer, DOMAIN/PATH, the path of segments with
// dots between.
func SignerName(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	parts := strings.Split(name, "/")
	if len(parts) != 2 {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	var errs field.ErrorList
	if len(parts[0]) > validation.DNS1123SubdomainMaxLength {
		errs = append(errs, field.TooLong(path, "", validation.DNS1123SubdomainMaxLength))
	}
	errs = append(errs, signerPart(path, parts[0], validation.IsDNS1123Label)...)
	if !strings.Contains(parts[0], ".") {
		errs = append(errs, field.Invalid(path, parts[0], "should be a domain with at least two segments separated by dots"))
	}
	errs = append(errs, signerPart(path, parts[1], validation.IsDNS1123Subdomain)...)
	if len(name) > maxSignerName {
		errs = append(errs, field.TooLong(path, "", maxSignerName))
	}
	return errs
}

// signerPart complains about the first segment that is wrong.
func signerPart(path *field.Path, part string, check func(string) []string) field.ErrorList {
	for _, segment := range strings.Split(part, ".") {
		if msgs := check(segment); len(msgs) > 0 {
			var errs field.ErrorList
			for _, msg := range msgs {
				errs = append(errs, field.Invalid(path, part, fmt.Sprintf("validating label %q: %s", segment, msg)))
			}
			return errs
		}
	}
	return nil
}

// IsKubernetesSigner tells whether the signer is one of the project's own.
func IsKubernetesSigner(name string) bool {
	domain, _, _ := strings.Cut(name, "/")
	return domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io")
}

// TrustBundleName says what is wrong with the name of a cluster trust bundle.
// One of a signer begins with the signer's name, with ":" for "/", and another ":".
func TrustBundleName(name string) []string {
	return apivalidation.NameIsDNSSubdomain(name[strings.LastIndex(name, ":")+1:], false)
}

// UserAnnotations checks what a pod tells the signer of its certificate.
func UserAnnotations(annotations map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		errs = append(errs, validation.IsDomainPrefixedKey(path, strings.ToLower(key))...) // the case does not matter
	}
	if apivalidation.ValidateAnnotationsSize(annotations) != nil {
		errs = append(errs, field.TooLong(path, "", apivalidation.TotalAnnotationSizeLimitB))
	}
	return errs
}

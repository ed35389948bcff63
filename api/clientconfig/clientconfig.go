// Package clientconfig validates where webhooks are, which several kinds say in
// the same way.
package clientconfig

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Service is the reference to a service.
type Service struct {
	Namespace, Name string
	Path            *string
	Port            *int32
}

// Validate checks that exactly one of a URL and a service is given, and it.
func Validate(address *string, service *Service, at *field.Path) field.ErrorList {
	switch {
	case (address == nil) == (service == nil):
		return field.ErrorList{field.Required(at, "exactly one of url or service is required")}
	case address != nil:
		return validateURL(*address, at.Child("url"))
	}
	return validateService(service, at.Child("service"))
}

func validateURL(address string, at *field.Path) field.ErrorList {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(address)
	if err != nil {
		return field.ErrorList{field.Required(at, "url must be a valid URL: "+err.Error()+form)}
	}
	var errs field.ErrorList
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(at, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(at, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(at, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(at, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(at, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

func validateService(s *Service, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	if s.Namespace == "" {
		errs = append(errs, field.Required(at.Child("namespace"), ""))
	}
	if s.Port != nil {
		if problems := validation.IsValidPortNum(int(*s.Port)); len(problems) > 0 {
			errs = append(errs, field.Invalid(at.Child("port"), *s.Port, "port is not valid: "+strings.Join(problems, ", ")))
		}
	}
	if s.Path == nil {
		return errs
	}
	return append(errs, validatePath(*s.Path, at.Child("path"))...)
}

// validatePath allows segments that are DNS subdomains, so that a path cannot
// smuggle in anything.
func validatePath(path string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case path == "" || path == "/":
		return nil
	case path == "//":
		return field.ErrorList{field.Invalid(at, path, "segment[0] may not be empty")}
	case !strings.HasPrefix(path, "/"):
		errs = append(errs, field.Invalid(at, path, "must start with a '/'"))
	}
	// The first byte is not looked at again, whatever it is.
	for i, segment := range strings.Split(strings.TrimSuffix(path[1:], "/"), "/") {
		if segment == "" {
			errs = append(errs, field.Invalid(at, path, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, problem := range validation.IsDNS1123Subdomain(segment) {
			errs = append(errs, field.Invalid(at, path, fmt.Sprintf("segment[%d]: %v", i, problem)))
		}
	}
	return errs
}

// ReviewVersions checks which versions of a review a webhook understands: one at
// least that the server sends. missing is what is said when there is none.
func ReviewVersions(versions []string, at *field.Path, missing string) field.ErrorList {
	errs := AnyReviewVersions(versions, at, missing)
	if len(versions) > 0 && !slices.ContainsFunc(versions, KnownReviewVersion) {
		errs = append(errs, field.Invalid(at, versions, "must include at least one of v1, v1beta1"))
	}
	return errs
}

// KnownReviewVersion tells whether this server speaks the version.
func KnownReviewVersion(v string) bool { return v == "v1" || v == "v1beta1" }

// AnyReviewVersions checks versions of which none need be known.
func AnyReviewVersions(versions []string, at *field.Path, missing string) field.ErrorList {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(at, missing)}
	}
	var errs field.ErrorList
	for i, v := range versions {
		if slices.Contains(versions[:i], v) {
			errs = append(errs, field.Invalid(at.Index(i), v, "duplicate version"))
			continue
		}
		for _, problem := range validation.IsDNS1035Label(v) {
			errs = append(errs, field.Invalid(at.Index(i), v, problem))
		}
	}
	return errs
}

package core

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podClaims checks the claims to devices that the pod's containers may use.
func (v *specCheck) podClaims(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var names nameSet
	for i, c := range v.spec.ResourceClaims {
		at := path.Index(i)
		if _, mirror := v.annotations[corev1.MirrorPodAnnotationKey]; mirror && v.pod() {
			errs = append(errs, field.Forbidden(field.NewPath(""), "static pods do not support resource claims"))
			continue
		}
		if twice := names.add(c.Name, at.Child("name")); c.Name != "" && len(twice) > 0 {
			errs = append(errs, twice...)
		} else {
			errs = append(errs, requiredLabel(at.Child("name"), c.Name)...)
		}
		switch {
		case c.ResourceClaimName != nil && c.ResourceClaimTemplateName != nil:
			errs = append(errs, field.Invalid(at, c, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case c.ResourceClaimName == nil && c.ResourceClaimTemplateName == nil:
			errs = append(errs, field.Invalid(at, c, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		}
		if c.ResourceClaimName != nil {
			errs = append(errs, subdomain(at.Child("resourceClaimName"), *c.ResourceClaimName)...)
		}
		if c.ResourceClaimTemplateName != nil {
			errs = append(errs, subdomain(at.Child("resourceClaimTemplateName"), *c.ResourceClaimTemplateName)...)
		}
	}
	return errs
}

// claims checks which of the pod's claims, or of their requests, a container uses.
func (v *specCheck) claims(claims []corev1.ResourceClaim, path *field.Path) field.ErrorList {
	if len(claims) == 0 {
		return nil
	}
	var errs field.ErrorList
	known := map[string]bool{}
	for _, c := range v.spec.ResourceClaims {
		if c.Name != "" {
			known[c.Name] = true
		}
	}
	used := nameSet{}
	for i, c := range claims {
		at := path.Index(i)
		if c.Name == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		errs = append(errs, used.claim(c, at)...)
		if !known[c.Name] {
			missing := field.NotFound(at, c.Name)
			missing.Detail = "must be one of the names in pod.spec.resourceClaims"
			if len(known) == 0 {
				missing.Detail += " which is empty"
			} else {
				missing.Detail += ": " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
			}
			errs = append(errs, missing)
		}
	}
	return errs
}

// claim notes what of a claim is used: all of it, under its name, or one request.
func (s nameSet) claim(c corev1.ResourceClaim, path *field.Path) field.ErrorList {
	if s[c.Name] {
		return field.ErrorList{field.Duplicate(path, c.Name)}
	}
	var errs field.ErrorList
	key := c.Name
	if c.Request != "" {
		errs = append(errs, label(path.Child("request"), c.Request)...)
		key += "/" + c.Request
	}
	switch {
	case s[key]:
		errs = append(errs, field.Duplicate(path, key))
	case c.Request == "":
		for other := range s {
			if claim, _, part := strings.Cut(other, "/"); part && claim == c.Name {
				errs = append(errs, field.Duplicate(path, c.Name))
			}
		}
	}
	s[key] = true
	return errs
}

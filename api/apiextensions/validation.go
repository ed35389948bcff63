package apiextensions

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/clientconfig"
)

type errorList = field.ErrorList

func validate(crd *definition) errorList {
	var errs errorList
	if want := crd.Spec.Names.Plural + "." + crd.Spec.Group; crd.Name != want {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), crd.Name, `must be spec.names.plural+"."+spec.group`))
	}
	errs = append(errs, validateSpec(crd, nil)...)
	return append(errs, validateStatus(crd)...)
}

func validateUpdate(crd, old *definition) errorList {
	spec := field.NewPath("spec")
	errs := validateSpec(crd, old)
	immutable := func(now, before string, path *field.Path) {
		if now != before {
			errs = append(errs, field.Invalid(path, now, "field is immutable"))
		}
	}
	if Condition(old, apiextensionsv1.Established) == apiextensionsv1.ConditionTrue {
		immutable(string(crd.Spec.Scope), string(old.Spec.Scope), spec.Child("scope"))
		immutable(crd.Spec.Names.Kind, old.Spec.Names.Kind, spec.Child("names", "kind"))
	}
	immutable(crd.Spec.Group, old.Spec.Group, spec.Child("group"))
	immutable(crd.Spec.Names.Plural, old.Spec.Names.Plural, spec.Child("names", "plural"))
	return append(errs, validateStatus(crd)...)
}

// validateStatusUpdate is about the status subresource, where Kubernetes does not
// look at what versions are stored.
func validateStatusUpdate(crd, _ *definition) errorList {
	path := field.NewPath("status")
	var errs errorList
	if stored := crd.Status.StoredVersions; len(stored) == 0 {
		errs = append(errs, field.Invalid(path.Child("storedVersions"), stored, "must have at least one stored version"))
	}
	return append(errs, validateNames(&crd.Status.AcceptedNames, false, path.Child("acceptedNames"))...)
}

// validateStatus checks that every version in which objects may be stored is
// still known.
func validateStatus(crd *definition) errorList {
	path := field.NewPath("status", "storedVersions")
	stored := crd.Status.StoredVersions
	if len(stored) == 0 {
		return errorList{field.Invalid(path, stored, "must have at least one stored version")}
	}
	var errs errorList
	known := map[string]bool{}
	for _, v := range crd.Spec.Versions {
		known[v.Name] = true
		if v.Storage && !slices.Contains(stored, v.Name) {
			errs = append(errs, field.Invalid(path, stored, "must have the storage version "+v.Name))
		}
	}
	for i, v := range stored {
		if !known[v] {
			errs = append(errs, field.Invalid(path.Index(i), v, fmt.Sprintf(
				"missing from spec.versions; %[1]s was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in %[1]s and removes %[1]s from status.storedVersions", v)))
		}
	}
	return errs
}

func validateSpec(crd, old *definition) errorList {
	var errs errorList
	spec, path := &crd.Spec, field.NewPath("spec")
	switch problems := validation.IsDNS1123Subdomain(spec.Group); {
	case spec.Group == "":
		errs = append(errs, field.Required(path.Child("group"), ""))
	case len(problems) > 0:
		errs = append(errs, field.Invalid(path.Child("group"), spec.Group, strings.Join(problems, ",")))
	case !strings.Contains(spec.Group, "."):
		errs = append(errs, field.Invalid(path.Child("group"), spec.Group, "should be a domain with at least one dot"))
	}
	scopes := []apiextensionsv1.ResourceScope{apiextensionsv1.ClusterScoped, apiextensionsv1.NamespaceScoped}
	if spec.Scope == "" {
		errs = append(errs, field.Required(path.Child("scope"), ""))
	} else if !slices.Contains(scopes, spec.Scope) {
		errs = append(errs, field.NotSupported(path.Child("scope"), spec.Scope, scopes))
	}
	if spec.PreserveUnknownFields && (old == nil || !old.Spec.PreserveUnknownFields) {
		errs = append(errs, field.Invalid(path.Child("preserveUnknownFields"), true,
			"cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"))
	}
	errs = append(errs, validateNames(&spec.Names, true, path.Child("names"))...)
	errs = append(errs, validateConversion(spec.Conversion, toleratesBadAuthorities(old), path.Child("conversion"))...)
	errs = append(errs, validateVersions(crd, old, path.Child("versions"))...)
	return append(errs, validateApproval(crd, old)...)
}

// validateNames checks names; those that are accepted may be missing as yet.
func validateNames(names *apiextensionsv1.CustomResourceDefinitionNames, required bool, path *field.Path) errorList {
	var errs errorList
	check := func(name, asked string, at *field.Path, hint string) {
		if problems := validation.IsDNS1035Label(asked); len(problems) > 0 {
			errs = append(errs, field.Invalid(at, name, hint+strings.Join(problems, ",")))
		}
	}
	label := func(name, asked string, at *field.Path, hint string) {
		switch {
		case name != "":
			check(name, asked, at, hint)
		case required:
			errs = append(errs, field.Required(at, ""))
		}
	}
	const mixed = "may have mixed case, but should otherwise match: "
	label(names.Plural, names.Plural, path.Child("plural"), "")
	label(names.Singular, names.Singular, path.Child("singular"), "")
	label(names.Kind, strings.ToLower(names.Kind), path.Child("kind"), mixed)
	label(names.ListKind, strings.ToLower(names.ListKind), path.Child("listKind"), mixed)
	for i, name := range names.ShortNames {
		check(name, name, path.Child("shortNames").Index(i), "")
	}
	for i, name := range names.Categories {
		check(name, name, path.Child("categories").Index(i), "")
	}
	if names.Kind != "" && names.Kind == names.ListKind {
		errs = append(errs, field.Invalid(path.Child("listKind"), names.ListKind, "kind and listKind may not be the same"))
	}
	return errs
}

// validateApproval asks for the annotation by which groups of the community
// are protected (KEP-1111).
func validateApproval(crd, old *definition) errorList {
	const key = apiextensionsv1.KubeAPIApprovedAnnotation
	value := crd.Annotations[key]
	if !Protected(crd.Spec.Group) || old != nil && old.Annotations[key] == value {
		return nil
	}
	at := field.NewPath("metadata", "annotations").Key(key)
	switch state, why := ApprovalOf(value); state {
	case ApprovalMissing:
		return errorList{field.Required(at, why)}
	case ApprovalInvalid:
		return errorList{field.Invalid(at, value, why)}
	}
	return nil
}

// BadAuthorities tells whether a conversion has a caBundle that holds no
// certificates.
func BadAuthorities(c *apiextensionsv1.CustomResourceConversion) bool {
	if c == nil || c.Webhook == nil || c.Webhook.ClientConfig == nil {
		return false
	}
	bundle := c.Webhook.ClientConfig.CABundle
	return len(bundle) > 0 && !x509.NewCertPool().AppendCertsFromPEM(bundle)
}

// toleratesBadAuthorities tells whether a conversion may have such a caBundle: until
// the definition is established, which it is not with one, many tools leave a
// placeholder for what others fill in, and what was stored may stay.
func toleratesBadAuthorities(old *definition) bool {
	return old == nil || Condition(old, apiextensionsv1.Established) != apiextensionsv1.ConditionTrue || BadAuthorities(old.Spec.Conversion)
}

func validateConversion(c *apiextensionsv1.CustomResourceConversion, tolerateCA bool, path *field.Path) errorList {
	strategies := []apiextensionsv1.ConversionStrategyType{apiextensionsv1.NoneConverter, apiextensionsv1.WebhookConverter}
	switch {
	case c == nil:
		return nil
	case c.Strategy == "":
		return errorList{field.Required(path.Child("strategy"), "")}
	case !slices.Contains(strategies, c.Strategy):
		return errorList{field.NotSupported(path.Child("strategy"), c.Strategy, strategies)}
	}
	// The fields are named as in older versions of the API, as Kubernetes does.
	const other = "should not be set when strategy is not set to Webhook"
	in, reviews := path.Child("webhookClientConfig"), path.Child("conversionReviewVersions")
	var errs errorList
	if c.Strategy == apiextensionsv1.NoneConverter {
		if c.Webhook != nil && c.Webhook.ClientConfig != nil {
			errs = append(errs, field.Forbidden(in, other))
		}
		if c.Webhook != nil && len(c.Webhook.ConversionReviewVersions) > 0 {
			errs = append(errs, field.Forbidden(reviews, other))
		}
		return errs
	}
	if c.Webhook == nil {
		return append(errs, field.Required(in, "required when strategy is set to Webhook"), field.Required(reviews, ""))
	}
	if c.Webhook.ClientConfig == nil {
		errs = append(errs, field.Required(in, "required when strategy is set to Webhook"))
		return append(errs, clientconfig.ReviewVersions(c.Webhook.ConversionReviewVersions, reviews, "")...)
	}
	client := c.Webhook.ClientConfig
	var service *clientconfig.Service
	if s := client.Service; s != nil {
		service = &clientconfig.Service{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: s.Port}
	}
	errs = append(errs, clientconfig.Validate(client.URL, service, in)...)
	if !tolerateCA && BadAuthorities(c) {
		errs = append(errs, field.Invalid(in.Child("caBundle"), client.CABundle, "unable to load root certificates: unable to parse bytes as PEM block"))
	}
	return append(errs, clientconfig.ReviewVersions(c.Webhook.ConversionReviewVersions, reviews, "")...)
}

// sameSchema tells whether old has the version with the very schema: what was
// accepted once stays so.
func sameSchema(v *apiextensionsv1.CustomResourceDefinitionVersion, old *definition) bool {
	if old == nil {
		return false
	}
	for i := range old.Spec.Versions {
		if before := &old.Spec.Versions[i]; before.Name == v.Name {
			return equality.Semantic.DeepEqual(before.Schema, v.Schema)
		}
	}
	return false
}

package apiextensions

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/clientconfig"
)

type errorList = field.ErrorList

// Definitions are validated in the form that Kubernetes has them in at work, which
// keeps what all versions have in common once, as v1beta1 did: complaints name fields
// of that form, and show values in it.
type (
	internal     = apiextensions.CustomResourceDefinition
	internalSpec = apiextensions.CustomResourceDefinitionSpec
)

func internalOf(crd *definition) (*internal, error) {
	out := &internal{}
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, out, nil)
	return out, err
}

func validate(crd *definition) errorList {
	now, err := internalOf(crd)
	if err != nil {
		return errorList{field.InternalError(nil, err)}
	}
	return append(validateSpec(&now.Spec, leniency{}), validateRest(crd, now, nil)...)
}

// nameRule wants the name to be made of the plural and the group.
func nameRule(crd *definition) func(string, bool) []string {
	return func(name string, prefix bool) []string {
		problems := apivalidation.NameIsDNSSubdomain(name, prefix)
		if name != crd.Spec.Names.Plural+"."+crd.Spec.Group {
			problems = append(problems, `must be spec.names.plural+"."+spec.group`)
		}
		return problems
	}
}

func validateUpdate(crd, old *definition) errorList {
	now, err := internalOf(crd)
	if err != nil {
		return errorList{field.InternalError(nil, err)}
	}
	before, err := internalOf(old)
	if err != nil {
		return errorList{field.InternalError(nil, err)}
	}
	spec := field.NewPath("spec")
	errs := validateSpec(&now.Spec, newLeniency(before, now))
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
	return append(errs, validateRest(crd, now, old)...)
}

// validateRest checks all but the spec by itself.
func validateRest(crd *definition, now *internal, old *definition) errorList {
	errs := validateNames(&now.Status.AcceptedNames, field.NewPath("status", "acceptedNames"))
	errs = append(errs, validateStored(crd)...)
	errs = append(errs, validateApproval(crd, old)...)
	if crd.Spec.PreserveUnknownFields && (old == nil || !old.Spec.PreserveUnknownFields) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "preserveUnknownFields"), true,
			"cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"))
	}
	return errs
}

// validateStatusUpdate is about the status subresource, where Kubernetes does not
// look at what versions are stored.
func validateStatusUpdate(crd, _ *definition) errorList {
	path := field.NewPath("status")
	var errs errorList
	if stored := crd.Status.StoredVersions; len(stored) == 0 {
		errs = append(errs, field.Invalid(path.Child("storedVersions"), stored, "must have at least one stored version"))
	}
	now, err := internalOf(crd)
	if err != nil {
		return append(errs, field.InternalError(nil, err))
	}
	return append(errs, validateNames(&now.Status.AcceptedNames, path.Child("acceptedNames"))...)
}

// validateStored checks that every version in which objects may be stored is
// still known.
func validateStored(crd *definition) errorList {
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

func validateSpec(spec *internalSpec, lenient leniency) errorList {
	var errs errorList
	path := field.NewPath("spec")
	switch problems := validation.IsDNS1123Subdomain(spec.Group); {
	case spec.Group == "":
		errs = append(errs, field.Required(path.Child("group"), ""))
	case len(problems) > 0:
		errs = append(errs, field.Invalid(path.Child("group"), spec.Group, strings.Join(problems, ",")))
	case !strings.Contains(spec.Group, "."):
		errs = append(errs, field.Invalid(path.Child("group"), spec.Group, "should be a domain with at least one dot"))
	}
	scopes := []apiextensions.ResourceScope{apiextensions.ClusterScoped, apiextensions.NamespaceScoped}
	if spec.Scope == "" {
		errs = append(errs, field.Required(path.Child("scope"), ""))
	} else if !slices.Contains(scopes, spec.Scope) {
		errs = append(errs, field.NotSupported(path.Child("scope"), spec.Scope, scopes))
	}
	errs = append(errs, validateVersions(spec, lenient, path)...)
	names := path.Child("names")
	for _, f := range []struct{ name, value string }{{"plural", spec.Names.Plural}, {"singular", spec.Names.Singular}, {"kind", spec.Names.Kind}, {"listKind", spec.Names.ListKind}} {
		if f.value == "" {
			errs = append(errs, field.Required(names.Child(f.name), ""))
		}
	}
	errs = append(errs, validateNames(&spec.Names, names)...)
	errs = append(errs, validateCommon(spec, lenient, path)...)
	if c := spec.Conversion; c != nil && c.Strategy != apiextensions.NoneConverter && preserves(spec) {
		errs = append(errs, field.Invalid(path.Child("conversion", "strategy"), c.Strategy, "must be None if spec.preserveUnknownFields is true"))
	}
	return append(errs, validateConversion(spec.Conversion, lenient, path.Child("conversion"))...)
}

// preserves tells whether unknown fields are kept everywhere.
func preserves(spec *internalSpec) bool {
	return spec.PreserveUnknownFields == nil || *spec.PreserveUnknownFields
}

// validateNames checks names; those that are accepted may be missing as yet.
func validateNames(names *apiextensions.CustomResourceDefinitionNames, path *field.Path) errorList {
	var errs errorList
	check := func(name, asked string, at *field.Path, hint string) {
		if problems := validation.IsDNS1035Label(asked); len(problems) > 0 {
			errs = append(errs, field.Invalid(at, name, hint+strings.Join(problems, ",")))
		}
	}
	label := func(name, asked string, at *field.Path, hint string) {
		if name != "" {
			check(name, asked, at, hint)
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
	if names.Kind != "" && names.Kind == names.ListKind {
		errs = append(errs, field.Invalid(path.Child("listKind"), names.ListKind, "kind and listKind may not be the same"))
	}
	for i, name := range names.Categories {
		check(name, name, path.Child("categories").Index(i), "")
	}
	return errs
}

// validateApproval asks for the annotation by which groups of the community
// are protected (KEP-1111).
func validateApproval(crd, old *definition) errorList {
	const key = apiextensionsv1.KubeAPIApprovedAnnotation
	value := crd.Annotations[key]
	if !Protected(crd.Spec.Group) {
		return nil
	}
	at := field.NewPath("metadata", "annotations").Key(key)
	state, why := ApprovalOf(value)
	if old != nil {
		if before, _ := ApprovalOf(old.Annotations[key]); before == state {
			return nil // who changes something else need not mend it
		}
	}
	switch state {
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
	return c != nil && c.Webhook != nil && c.Webhook.ClientConfig != nil && badBundle(c.Webhook.ClientConfig.CABundle)
}

func badBundle(bundle []byte) bool {
	return len(bundle) > 0 && !x509.NewCertPool().AppendCertsFromPEM(bundle)
}

func validateConversion(c *apiextensions.CustomResourceConversion, lenient leniency, path *field.Path) errorList {
	if c == nil {
		return nil
	}
	var errs errorList
	strategies := []apiextensions.ConversionStrategyType{apiextensions.NoneConverter, apiextensions.WebhookConverter}
	switch {
	case c.Strategy == "":
		errs = append(errs, field.Required(path.Child("strategy"), ""))
	case !slices.Contains(strategies, c.Strategy):
		errs = append(errs, field.NotSupported(path.Child("strategy"), c.Strategy, strategies))
	}
	in, reviews, client := path.Child("webhookClientConfig"), path.Child("conversionReviewVersions"), c.WebhookClientConfig
	if c.Strategy != apiextensions.WebhookConverter {
		const other = "should not be set when strategy is not set to Webhook"
		if client != nil {
			errs = append(errs, field.Forbidden(in, other))
		}
		if len(c.ConversionReviewVersions) > 0 {
			errs = append(errs, field.Forbidden(reviews, other))
		}
		return errs
	}
	if client == nil {
		errs = append(errs, field.Required(in, "required when strategy is set to Webhook"))
	} else {
		var service *clientconfig.Service
		if s := client.Service; s != nil {
			service = &clientconfig.Service{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: &s.Port}
		}
		errs = append(errs, clientconfig.Validate(client.URL, service, in)...)
		if badBundle(client.CABundle) && !lenient.badBundle() {
			errs = append(errs, field.Invalid(in.Child("caBundle"), client.CABundle, "unable to load root certificates: unable to parse bytes as PEM block"))
		}
	}
	if lenient.unknownReviews() {
		return append(errs, clientconfig.AnyReviewVersions(c.ConversionReviewVersions, reviews, "")...)
	}
	return append(errs, clientconfig.ReviewVersions(c.ConversionReviewVersions, reviews, "")...)
}

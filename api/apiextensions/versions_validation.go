package apiextensions

import (
	"fmt"
	"strings"
	"unicode"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type version = apiextensions.CustomResourceDefinitionVersion

// validateVersions checks what each version has for itself.
func validateVersions(spec *internalSpec, lenient leniency, path *field.Path) errorList {
	errs := missingSchemas(spec, lenient, path)
	structural := mustBeStructural(spec, lenient)
	if hasDefaults(spec) && preserves(spec) {
		errs = append(errs, field.Invalid(path.Child("preserveUnknownFields"), true, "must be false in order to use defaults in the schema"))
	}
	names, storage, unique := map[string]bool{}, 0, true
	versions := path.Child("versions")
	for i := range spec.Versions {
		v, at := &spec.Versions[i], versions.Index(i)
		if v.Storage {
			storage++
		}
		unique = unique && !names[v.Name]
		names[v.Name] = true
		if problems := validation.IsDNS1035Label(v.Name); len(problems) > 0 {
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, strings.Join(problems, ",")))
		}
		errs = append(errs, validateDeprecation(v, at.Child("deprecationWarning"))...)
		p := parts{v.Schema, v.Subresources, v.AdditionalPrinterColumns, v.SelectableFields, schemas(v.Schema, spec.Validation)}
		errs = append(errs, p.validate(&schemaCheck{lenient: lenient, structural: structural, unchanged: lenient.unchanged(v.Name)}, hasStatus(statusOf(spec, v)), v.Name,
			at.Child("schema"), at, "may only be set when `version.schema.openAPIV3Schema` is not included")...)
	}
	if !unique {
		errs = append(errs, field.Invalid(versions, spec.Versions, "must contain unique version names"))
	}
	if storage != 1 {
		errs = append(errs, field.Invalid(versions, spec.Versions, "must have exactly one version marked as storage version"))
	}
	// The first version stands here, too, as in v1beta1.
	if problems := validation.IsDNS1035Label(spec.Version); spec.Version != "" && len(problems) > 0 {
		errs = append(errs, field.Invalid(path.Child("version"), spec.Version, strings.Join(problems, ",")))
	}
	return errs
}

// validateCommon checks what all versions have in common.
func validateCommon(spec *internalSpec, lenient leniency, path *field.Path) errorList {
	anyStatus := hasStatus(spec.Subresources)
	for i := range spec.Versions {
		anyStatus = anyStatus || hasStatus(spec.Versions[i].Subresources)
	}
	p := parts{spec.Validation, spec.Subresources, spec.AdditionalPrinterColumns, spec.SelectableFields, schemas(spec.Validation)}
	for i := range spec.Versions {
		p.selected = append(p.selected, schemas(spec.Versions[i].Schema)...)
	}
	return p.validate(&schemaCheck{lenient: lenient, structural: mustBeStructural(spec, lenient), unchanged: lenient.unchanged(spec.Version)}, anyStatus, "",
		path.Child("validation"), path, "may only be set when validations.schema is included")
}

// parts is what a version, or all of them, say of their objects.
type parts struct {
	schema       *apiextensions.CustomResourceValidation
	subresources *apiextensions.CustomResourceSubresources
	columns      []apiextensions.CustomResourceColumnDefinition
	selectable   []apiextensions.SelectableField
	// selected are the schemas of what the selectable fields are of. Of versions that
	// have one schema but fields of their own, or one list of fields but schemas of their
	// own, Kubernetes takes it that there is none, and refuses the fields.
	selected []*apiextensions.CustomResourceValidation
}

// schemas returns the first of them that there is.
func schemas(of ...*apiextensions.CustomResourceValidation) []*apiextensions.CustomResourceValidation {
	for _, s := range of {
		if s != nil && s.OpenAPIV3Schema != nil {
			return []*apiextensions.CustomResourceValidation{s}
		}
	}
	return nil
}

// validate checks the parts: the schema, which stands at schema, with check, and the
// others, which stand under path.
func (p *parts) validate(check *schemaCheck, status bool, version string, schema, path *field.Path, unselectable string) errorList {
	errs := check.validate(p.schema, status, schema)
	errs = append(errs, validateSubresources(p.subresources, path.Child("subresources"))...)
	for i := range p.columns {
		errs = append(errs, validateColumn(&p.columns[i], path.Child("additionalPrinterColumns").Index(i))...)
	}
	if len(p.selectable) == 0 {
		return errs
	}
	fields := path.Child("selectableFields")
	if len(p.selected) == 0 {
		return append(errs, field.Invalid(fields, "", unselectable))
	}
	for _, s := range p.selected {
		structural, err := structuralschema.NewStructural(s.OpenAPIV3Schema)
		if err != nil {
			return append(errs, field.Invalid(path.Child("schema.openAPIV3Schema"), "", err.Error()))
		}
		if bad := validateSelectable(p.selectable, structural, fields, check.lenient.manyFields(version)); len(bad) > 0 {
			return append(errs, bad...)
		}
	}
	return errs
}

// missingSchemas wants a schema of each version; where older releases let that be, of
// those that are served, unless unknown fields are kept.
func missingSchemas(spec *internalSpec, lenient leniency, path *field.Path) errorList {
	if spec.Validation != nil && spec.Validation.OpenAPIV3Schema != nil {
		return nil
	}
	why, old := "", false
	var errs errorList
	for i := range spec.Versions {
		v := &spec.Versions[i]
		if v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			continue
		}
		if len(errs) == 0 && lenient.schemaless() {
			why, old = "because otherwise all fields are pruned", true
		}
		if old && (preserves(spec) || !v.Served) {
			continue
		}
		errs = append(errs, field.Required(path.Child("versions").Index(i).Child("schema", "openAPIV3Schema"), why))
	}
	return errs
}

// mustBeStructural tells whether schemas must be structural, as all must but those of
// older releases that use nothing which came with it.
func mustBeStructural(spec *internalSpec, lenient leniency) bool {
	return !preserves(spec) || !lenient.shapeless() || hasDefaults(spec) || anySchema(spec, func(s *schemaProps) bool {
		return s.XEmbeddedResource || s.XPreserveUnknownFields != nil || s.XIntOrString || len(s.XListMapKeys) > 0 || s.XListType != nil || len(s.XValidations) > 0
	})
}

func hasDefaults(spec *internalSpec) bool {
	return anySchema(spec, func(s *schemaProps) bool { return s.Default != nil })
}

func hasStatus(s *apiextensions.CustomResourceSubresources) bool { return s != nil && s.Status != nil }

// statusOf returns the subresources of a version: its own, or those of all.
func statusOf(spec *internalSpec, v *version) *apiextensions.CustomResourceSubresources {
	for i := range spec.Versions {
		if spec.Versions[i].Subresources != nil {
			return v.Subresources
		}
	}
	return spec.Subresources
}

func validateDeprecation(v *version, path *field.Path) errorList {
	if v.DeprecationWarning == nil {
		return nil
	}
	text := *v.DeprecationWarning
	if !v.Deprecated {
		return errorList{field.Invalid(path, text, "can only be set for deprecated versions")}
	}
	var errs errorList
	if len(text) > 256 {
		errs = append(errs, field.Invalid(path, text, "must be <= 256 characters long"))
	}
	if text == "" {
		errs = append(errs, field.Invalid(path, text, "must not be an empty string"))
	}
	for i, r := range text {
		if !unicode.IsPrint(r) {
			return append(errs, field.Invalid(path, text, fmt.Sprintf("must only contain printable UTF-8 characters; non-printable character found at index %d", i)))
		}
	}
	return errs
}

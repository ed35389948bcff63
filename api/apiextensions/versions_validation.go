package apiextensions

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type version = apiextensionsv1.CustomResourceDefinitionVersion

func validateVersions(crd, old *definition, path *field.Path) errorList {
	var errs errorList
	names, storage := map[string]bool{}, 0
	stored := newStoredRules(old)
	same := commonParts(crd.Spec.Versions)
	for i := range crd.Spec.Versions {
		v, at := &crd.Spec.Versions[i], path.Index(i)
		if v.Storage {
			storage++
		}
		if problems := validation.IsDNS1035Label(v.Name); len(problems) > 0 {
			errs = append(errs, field.Invalid(at.Child("name"), v.Name, strings.Join(problems, ",")))
		}
		if names[v.Name] {
			errs = append(errs, field.Invalid(path, v.Name, "must contain unique version names"))
		}
		names[v.Name] = true
		errs = append(errs, validateDeprecation(v, at.Child("deprecationWarning"))...)
		errs = append(errs, validateParts(v, sameSchema(v, old), stored, same.places(i, at))...)
	}
	if storage != 1 {
		errs = append(errs, field.Invalid(path, storage, "must have exactly one version marked as storage version"))
	}
	return errs
}

// parts is where what a version says of its objects stands; nil of what was said
// before.
type parts struct{ schema, subresources, columns, selectable *field.Path }

// common tells which parts are the same in all versions. Kubernetes keeps these
// once, as v1beta1 had them, and so its complaints name them as v1beta1 did.
type common struct{ schema, subresources, columns, selectable bool }

func commonParts(versions []version) common {
	c := common{true, true, true, true}
	for i := range versions {
		v, first := &versions[i], &versions[0]
		c.schema = c.schema && v.Schema != nil && equality.Semantic.DeepEqual(v.Schema, first.Schema)
		c.subresources = c.subresources && equality.Semantic.DeepEqual(v.Subresources, first.Subresources)
		c.columns = c.columns && equality.Semantic.DeepEqual(v.AdditionalPrinterColumns, first.AdditionalPrinterColumns)
		c.selectable = c.selectable && equality.Semantic.DeepEqual(v.SelectableFields, first.SelectableFields)
	}
	return c
}

// places returns where the parts of version i stand, which itself stands at path.
func (c common) places(i int, path *field.Path) parts {
	spec := field.NewPath("spec")
	at := func(common bool, name, once string) *field.Path {
		switch {
		case !common:
			return path.Child(name)
		case i > 0:
			return nil
		}
		return spec.Child(once)
	}
	return parts{at(c.schema, "schema", "validation"), at(c.subresources, "subresources", "subresources"),
		at(c.columns, "additionalPrinterColumns", "additionalPrinterColumns"), at(c.selectable, "selectableFields", "selectableFields")}
}

func validateParts(v *version, unchanged bool, stored storedRules, at parts) errorList {
	var errs errorList
	var structural *structuralschema.Structural
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		if at.schema != nil {
			errs = append(errs, field.Required(at.schema.Child("openAPIV3Schema"), ""))
		}
	} else {
		path := at.schema
		if path == nil {
			path = field.NewPath("")
		}
		var problems errorList
		structural, problems = validateSchema(v, unchanged, stored, path.Child("openAPIV3Schema"))
		if at.schema != nil {
			errs = append(errs, problems...)
		}
	}
	if at.subresources != nil {
		errs = append(errs, validateSubresources(v.Subresources, at.subresources)...)
	}
	for i := range v.AdditionalPrinterColumns {
		if at.columns != nil {
			errs = append(errs, validateColumn(&v.AdditionalPrinterColumns[i], at.columns.Index(i))...)
		}
	}
	if structural != nil && at.selectable != nil {
		errs = append(errs, validateSelectable(v, structural, at.selectable)...)
	}
	return errs
}

func validateDeprecation(v *version, path *field.Path) errorList {
	if v.DeprecationWarning == nil {
		return nil
	}
	text := *v.DeprecationWarning
	var errs errorList
	if !v.Deprecated {
		errs = append(errs, field.Invalid(path, text, "can only be set for deprecated versions"))
	}
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

func validateSubresources(s *apiextensionsv1.CustomResourceSubresources, path *field.Path) errorList {
	if s == nil || s.Scale == nil {
		return nil
	}
	path = path.Child("scale")
	errs := scalePath(s.Scale.SpecReplicasPath, path.Child("specReplicasPath"), ".spec.")
	errs = append(errs, scalePath(s.Scale.StatusReplicasPath, path.Child("statusReplicasPath"), ".status.")...)
	if selector := s.Scale.LabelSelectorPath; selector != nil && *selector != "" {
		errs = append(errs, scalePath(*selector, path.Child("labelSelectorPath"), ".spec.", ".status.")...)
	}
	return errs
}

func scalePath(text string, at *field.Path, under ...string) errorList {
	if text == "" {
		return errorList{field.Required(at, "")}
	}
	if slices.ContainsFunc(under, func(prefix string) bool { return strings.HasPrefix(text, prefix) }) {
		return nil
	}
	if text[0] != '.' {
		return errorList{field.Invalid(at, text, "must be a simple json path starting with .")}
	}
	if len(under) > 1 {
		return errorList{field.Invalid(at, text, "should be a json path under either .spec or .status")}
	}
	return errorList{field.Invalid(at, text, "should be a json path under "+strings.TrimRight(under[0], "."))}
}

var (
	columnTypes   = []string{"boolean", "date", "integer", "number", "string"}
	columnFormats = []string{"byte", "date", "date-time", "double", "float", "int32", "int64", "password"}
)

func validateColumn(c *apiextensionsv1.CustomResourceColumnDefinition, path *field.Path) errorList {
	var errs errorList
	if c.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	types := "must be one of " + strings.Join(columnTypes, ",")
	if c.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), types))
	} else if !slices.Contains(columnTypes, c.Type) {
		errs = append(errs, field.Invalid(path.Child("type"), c.Type, types))
	}
	if c.Format != "" && !slices.Contains(columnFormats, c.Format) {
		errs = append(errs, field.Invalid(path.Child("format"), c.Format, "must be one of "+strings.Join(columnFormats, ",")))
	}
	switch {
	case c.JSONPath == "":
		errs = append(errs, field.Required(path.Child("JSONPath"), ""))
	case c.JSONPath[0] != '.':
		errs = append(errs, field.Invalid(path.Child("JSONPath"), c.JSONPath, "must be a simple json path starting with ."))
	}
	return errs
}

// maxSelectable bounds the fields by which objects are selected (KEP-4358).
const maxSelectable = 8

func validateSelectable(v *version, s *structuralschema.Structural, path *field.Path) errorList {
	var errs errorList
	seen := map[string]bool{}
	for i, f := range v.SelectableFields {
		at := path.Index(i).Child("jsonPath")
		if f.JSONPath == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		found, schema, err := cel.ValidFieldPath(f.JSONPath, s, cel.WithFieldPathAllowArrayNotation(false))
		if err != nil {
			errs = append(errs, field.Invalid(at, f.JSONPath, fmt.Sprintf("is an invalid path: %v", err)))
			continue
		}
		if found.Root().String() == "metadata" {
			errs = append(errs, field.Invalid(at, f.JSONPath, "must not point to fields in metadata"))
		}
		if schema == nil || !slices.Contains([]string{"string", "boolean", "integer"}, schema.Type) {
			errs = append(errs, field.Invalid(at, f.JSONPath, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."))
		}
		if seen[found.String()] {
			errs = append(errs, field.Duplicate(at, f.JSONPath))
		}
		seen[found.String()] = true
	}
	if len(seen) > maxSelectable {
		errs = append(errs, field.TooMany(path, len(seen), maxSelectable))
	}
	return errs
}

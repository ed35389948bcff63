package apiextensions

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateSubresources(s *apiextensions.CustomResourceSubresources, path *field.Path) errorList {
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

func validateColumn(c *apiextensions.CustomResourceColumnDefinition, path *field.Path) errorList {
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

// validateSelectable checks the selectable fields, of which there may be many if there
// were.
func validateSelectable(selectable []apiextensions.SelectableField, s *structuralschema.Structural, path *field.Path, many bool) errorList {
	var errs errorList
	seen := map[string]bool{}
	for i, f := range selectable {
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
	if len(seen) > maxSelectable && !many {
		errs = append(errs, field.TooMany(path, len(seen), maxSelectable))
	}
	return errs
}

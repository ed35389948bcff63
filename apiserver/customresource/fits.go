package customresource

import (
	"slices"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// fits tells whether a value fits the schema, where that is plain to see: nearly
// always. Of the rest the library decides, which makes validators for each value
// anew, and words the complaints.
func fits(s *structuralschema.Structural, v any) bool {
	if s == nil {
		return true
	}
	if v == nil {
		return s.Nullable && s.ValueValidation == nil
	}
	if s.XEmbeddedResource || !simple(s.ValueValidation) {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		return (s.Type == "object" || untypedSchema(s)) && fitsMap(s, v)
	case []any:
		return (s.Type == "array" || untypedSchema(s)) && fitsList(s, v)
	case string:
		return (s.Type == "string" || s.XIntOrString || untypedSchema(s)) && fitsText(s.ValueValidation, v)
	case bool:
		return (s.Type == "boolean" || untypedSchema(s)) && noEnum(s.ValueValidation)
	case int64:
		return (s.Type == "integer" || s.Type == "number" || s.XIntOrString || untypedSchema(s)) && fitsNumber(s.ValueValidation, float64(v))
	case float64:
		return (s.Type == "number" || untypedSchema(s)) && fitsNumber(s.ValueValidation, v)
	}
	return false
}

func untypedSchema(s *structuralschema.Structural) bool {
	return s.Type == "" && !s.XIntOrString && s.XPreserveUnknownFields
}

// simple tells whether the library is not needed for the validations.
func simple(v *structuralschema.ValueValidation) bool {
	return v == nil || v.Format == "" && v.Pattern == "" && !v.UniqueItems && v.MultipleOf == nil &&
		v.AllOf == nil && v.OneOf == nil && v.AnyOf == nil && v.Not == nil
}

func noEnum(v *structuralschema.ValueValidation) bool { return v == nil || v.Enum == nil }

func fitsMap(s *structuralschema.Structural, fields map[string]any) bool {
	if v := s.ValueValidation; v != nil {
		if v.Enum != nil || !within(int64(len(fields)), v.MinProperties, v.MaxProperties) {
			return false
		}
		for _, name := range v.Required {
			if _, there := fields[name]; !there {
				return false
			}
		}
	}
	other := s.AdditionalProperties
	if other != nil && other.Structural == nil && !other.Bool {
		return false
	}
	for name, v := range fields {
		if inner, ok := s.Properties[name]; ok {
			if !fits(&inner, v) {
				return false
			}
		} else if other != nil && !fits(other.Structural, v) {
			return false
		}
	}
	return true
}

func fitsList(s *structuralschema.Structural, list []any) bool {
	if v := s.ValueValidation; v != nil && (v.Enum != nil || !within(int64(len(list)), v.MinItems, v.MaxItems)) {
		return false
	}
	for _, v := range list {
		if !fits(s.Items, v) {
			return false
		}
	}
	return true
}

func fitsText(v *structuralschema.ValueValidation, text string) bool {
	switch {
	case v == nil:
		return true
	case v.Enum != nil && !slices.ContainsFunc(v.Enum, func(one structuralschema.JSON) bool { return one.Object == text }):
		return false
	}
	return v.MinLength == nil && v.MaxLength == nil || within(int64(utf8.RuneCountInString(text)), v.MinLength, v.MaxLength)
}

// exact is up to where whole numbers are themselves as fractions.
const exact = 1 << 53

func fitsNumber(v *structuralschema.ValueValidation, n float64) bool {
	if v == nil {
		return true
	}
	if v.Enum != nil || n > exact || n < -exact {
		return false
	}
	if v.Minimum != nil && (n < *v.Minimum || v.ExclusiveMinimum && n == *v.Minimum) {
		return false
	}
	return v.Maximum == nil || n < *v.Maximum || n == *v.Maximum && !v.ExclusiveMaximum
}

func within(n int64, low, high *int64) bool {
	return (low == nil || n >= *low) && (high == nil || n <= *high)
}

// features are what a schema has anywhere; what it does not have needs no walk.
type features struct {
	defaults, lists, embedded bool
}

func (f *features) note(s *structuralschema.Structural) {
	if s == nil {
		return
	}
	f.defaults = f.defaults || s.Default.Object != nil
	f.lists = f.lists || s.XListType != nil && *s.XListType != "atomic"
	f.embedded = f.embedded || s.XEmbeddedResource
	f.note(s.Items)
	for _, inner := range s.Properties {
		f.note(&inner)
	}
	if s.AdditionalProperties != nil {
		f.note(s.AdditionalProperties.Structural)
	}
}

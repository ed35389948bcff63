package customresource

import (
	"slices"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// node is a structural schema as fits and known walk it: without copies of what
// is below.
type node struct {
	kind                                      string
	nullable, intOrString, preserve, embedded bool
	values                                    *structuralschema.ValueValidation
	properties                                map[string]*node
	items                                     *node
	// others tells that there may be other members; other is theirs, if declared.
	others, anything bool
	other            *node
}

func newNode(s *structuralschema.Structural) *node {
	if s == nil {
		return nil
	}
	n := &node{
		kind: s.Type, nullable: s.Nullable, intOrString: s.XIntOrString, preserve: s.XPreserveUnknownFields, embedded: s.XEmbeddedResource,
		values: s.ValueValidation, items: newNode(s.Items),
	}
	if len(s.Properties) > 0 {
		n.properties = make(map[string]*node, len(s.Properties))
	}
	for name, inner := range s.Properties {
		n.properties[name] = newNode(&inner)
	}
	if other := s.AdditionalProperties; other != nil {
		n.others, n.anything, n.other = true, other.Bool, newNode(other.Structural)
	}
	return n
}

// fits tells whether a value fits the schema, where that is plain to see: nearly
// always. Of the rest the library decides, which makes validators for each value
// anew, and words the complaints.
func (n *node) fits(v any) bool {
	if n == nil {
		return true
	}
	if v == nil {
		return n.nullable && n.values == nil
	}
	if n.embedded || !simple(n.values) {
		return false
	}
	free := n.kind == "" && !n.intOrString && n.preserve
	switch v := v.(type) {
	case map[string]any:
		return (n.kind == "object" || free) && n.fitsMap(v)
	case []any:
		return (n.kind == "array" || free) && n.fitsList(v)
	case string:
		return (n.kind == "string" || n.intOrString || free) && fitsText(n.values, v)
	case bool:
		return (n.kind == "boolean" || free) && (n.values == nil || n.values.Enum == nil)
	case int64:
		return (n.kind == "integer" || n.kind == "number" || n.intOrString || free) && fitsNumber(n.values, float64(v))
	case float64:
		return (n.kind == "number" || free) && fitsNumber(n.values, v)
	}
	return false
}

// simple tells whether the library is not needed for the validations.
func simple(v *structuralschema.ValueValidation) bool {
	return v == nil || v.Format == "" && v.Pattern == "" && !v.UniqueItems && v.MultipleOf == nil &&
		v.AllOf == nil && v.OneOf == nil && v.AnyOf == nil && v.Not == nil
}

func (n *node) fitsMap(fields map[string]any) bool {
	if v := n.values; v != nil {
		if v.Enum != nil || !within(int64(len(fields)), v.MinProperties, v.MaxProperties) {
			return false
		}
		for _, name := range v.Required {
			if _, there := fields[name]; !there {
				return false
			}
		}
	}
	if n.others && n.other == nil && !n.anything {
		return false
	}
	for name, v := range fields {
		inner, ok := n.properties[name]
		if !ok {
			inner = n.other
		}
		if !inner.fits(v) {
			return false
		}
	}
	return true
}

func (n *node) fitsList(list []any) bool {
	if v := n.values; v != nil && (v.Enum != nil || !within(int64(len(list)), v.MinItems, v.MaxItems)) {
		return false
	}
	for _, v := range list {
		if !n.items.fits(v) {
			return false
		}
	}
	return true
}

// known tells whether nothing in a value is to be pruned, where that is plain to
// see. The names of TypeMeta and the metadata are known in the whole.
func (n *node) known(v any, whole bool) bool {
	switch v := v.(type) {
	case map[string]any:
		if n == nil {
			return len(v) == 0
		}
		for name, inner := range v {
			if whole && (name == "apiVersion" || name == "kind" || name == "metadata") {
				continue
			}
			of, ok := n.properties[name]
			switch {
			case ok:
			case n.others:
				of = n.other
			case n.preserve:
				continue
			default:
				return false
			}
			if !of.known(inner, false) {
				return false
			}
		}
	case []any:
		if n != nil && n.preserve {
			return false // its items are pruned in another way
		}
		for _, inner := range v {
			if n == nil && !n.known(inner, false) || n != nil && !n.items.known(inner, false) {
				return false
			}
		}
	}
	return true
}

// hasNull tells whether a null is anywhere in a value.
func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, inner := range v {
			if hasNull(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if hasNull(inner) {
				return true
			}
		}
	}
	return false
}

// tidy tells whether there is nothing in an object, but perhaps in its metadata,
// that pruning would take or that has a shape of its own.
func (c *compiled) tidy(fields map[string]any) bool {
	if c.has.embedded || !c.tree.known(fields, true) {
		return false
	}
	for name, v := range fields {
		if name != "metadata" && hasNull(v) {
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

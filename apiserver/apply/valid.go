package apply

import "sigs.k8s.io/structured-merge-diff/v6/schema"

// valid tells whether a value fits the schema. In objects as they are stored,
// loose, items of a list may occur twice.
func (m *merger) valid(ref schema.TypeRef, v any, loose bool) bool {
	return m.validAt(ref, v, loose, 0)
}

func (m *merger) validAt(ref schema.TypeRef, v any, loose bool, depth int) bool {
	atom, ok := m.schema.Resolve(ref)
	if !ok || depth > maxDepth {
		return false
	}
	switch v := v.(type) {
	case nil:
		return kinds(atom) > 0
	case map[string]any:
		if atom.Map == nil {
			return false
		}
		for name, inner := range v {
			field, known := fieldType(atom.Map, name)
			if !known || !m.validAt(field, inner, loose, depth+1) {
				return false
			}
		}
		return true
	case []any:
		return atom.List != nil && m.validList(atom.List, v, loose, depth)
	}
	return atom.Scalar != nil && isScalar(*atom.Scalar, v)
}

func (m *merger) validList(t *schema.List, list []any, loose bool, depth int) bool {
	if t.ElementRelationship == schema.Associative {
		if _, ok := index(m.schema, t, list); !ok {
			return false // twice, or worse
		}
	}
	for _, inner := range list {
		if !m.validAt(t.ElementType, inner, loose, depth+1) {
			return false
		}
	}
	return true
}

// isScalar tells whether v is a scalar of the type.
func isScalar(t schema.Scalar, v any) bool {
	switch v.(type) {
	case string:
		return t == schema.String || t == schema.Untyped
	case int64, float64:
		return t == schema.Numeric || t == schema.Untyped
	case bool:
		return t == schema.Boolean || t == schema.Untyped
	}
	return false
}

// equal tells whether two values are the same; a whole number may be written as
// a fraction.
func equal(a, b any) bool {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		switch b := b.(type) {
		case int64:
			return a == b
		case float64:
			return float64(a) == b
		}
	case float64:
		switch b := b.(type) {
		case int64:
			return a == float64(b)
		case float64:
			return a == b
		}
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case nil:
		return b == nil
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, there := b[name]; !there || !equal(v, w) {
				return false
			}
		}
		return true
	}
	return false
}

// copied returns a copy that shares nothing but strings.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = copied(inner)
		}
		return out
	case []any:
		if v == nil {
			return v
		}
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = copied(inner)
		}
		return out
	}
	return v
}

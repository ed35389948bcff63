// Package untyped reads and writes the JSON of objects without a Go type
// (custom resources) without reflection: maps, lists, strings, int64, float64,
// bool and nil. It takes the plain cases, which are nearly all; for the rest it
// says so, and the caller asks the general library, which also words the errors.
package untyped

// Equal tells whether two values are the same. An empty list or map equals a
// nil one, as in apimachinery's semantic equality. It tells false for types
// that it does not know.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		b, ok := b.(int64)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	}
	return false
}

func equalMaps(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		w, ok := b[k]
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

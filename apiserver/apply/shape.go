package apply

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec/untyped"
)

// How many shapes a Manager keeps, and how long one may be, in bytes.
const (
	maxShapes = 64
	maxShape  = 4 << 10
)

// Shape returns all of obj that decides which fields it has: the names and kinds
// of what is in its maps, and its lists as they are, since the fields below one
// may be named by its values. Objects of one shape have the same fields under the
// same schema. It is empty for objects with a Go type and for large shapes.
func Shape(obj runtime.Object) string {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return ""
	}
	return shapeOf(u.Object, false)
}

// TypedShape is Shape for an object with a Go type, of its fields. Whoever
// creates one does not come to own what an empty one has just so: it tells zeros
// from others.
func TypedShape(fields map[string]any) string { return shapeOf(fields, true) }

func shapeOf(fields map[string]any, zeros bool) string {
	if metadata, ok := fields["metadata"].(map[string]any); ok {
		// The managedFields are no field of anybody's.
		fields, metadata = maps.Clone(fields), maps.Clone(metadata)
		delete(metadata, "managedFields")
		fields["metadata"] = metadata
	}
	b, ok := appendShape(make([]byte, 0, 512), fields, zeros)
	if !ok {
		return ""
	}
	return string(b)
}

func appendShape(b []byte, v any, zeros bool) ([]byte, bool) {
	if zeros {
		switch v {
		case "", "0", "0s", int64(0), float64(0), false: // also of quantities and durations
			text, err := untyped.Append(b, v)
			return text, err == nil
		}
	}
	switch v := v.(type) {
	case nil:
		b = append(b, 'n')
	case string:
		b = append(b, 's')
	case bool:
		b = append(b, 'b')
	case int64:
		b = append(b, 'i')
	case float64:
		b = append(b, 'f')
	case []any:
		var err error
		if b, err = untyped.Append(b, v); err != nil {
			return nil, false
		}
	case map[string]any:
		b = append(b, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			var ok bool
			if b, ok = appendShape(strconv.AppendQuote(b, name), v[name], zeros); !ok {
				return nil, false
			}
		}
		b = append(b, '}')
	default:
		return nil, false
	}
	return b, len(b) <= maxShape
}

// shapes are the fields of whole objects, as FieldsV1, by their shape.
type shapes struct {
	mu     sync.Mutex // guards fields
	fields map[string]string
}

// FieldsOf returns what KeepFields was told of the shape.
func (m *Manager) FieldsOf(shape string) (fields string, ok bool) {
	m.shapes.mu.Lock()
	defer m.shapes.mu.Unlock()
	fields, ok = m.shapes.fields[shape]
	return fields, ok
}

// KeepFields keeps the fields that an object of the shape has.
func (m *Manager) KeepFields(shape, fields string) {
	if shape == "" || len(fields) > maxShape {
		return
	}
	m.shapes.mu.Lock()
	defer m.shapes.mu.Unlock()
	if m.shapes.fields == nil || len(m.shapes.fields) == maxShapes {
		m.shapes.fields = map[string]string{}
	}
	m.shapes.fields[shape] = fields
}

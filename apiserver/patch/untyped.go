package patch

import (
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec"
	"minke/apiserver/codec/untyped"
)

// MergeFields returns a copy of original, the fields of an object without a Go
// type, with the merge patch in body applied (RFC 7386). It tells false when the
// patch is not plain, or holds lists, of which Apply's library has its own
// notion: use Apply then.
func MergeFields(original map[string]any, body []byte) (map[string]any, bool) {
	if codec.CheckDepth(body) != nil {
		return nil, false
	}
	decoded, ok := untyped.Decode(body)
	if !ok || holdsList(decoded) {
		return nil, false
	}
	changes, ok := decoded.(map[string]any)
	if !ok {
		return nil, false
	}
	merged := runtime.DeepCopyJSON(original)
	merge(merged, changes)
	return merged, true
}

func holdsList(v any) bool {
	switch v := v.(type) {
	case []any:
		return true
	case map[string]any:
		for _, inner := range v {
			if holdsList(inner) {
				return true
			}
		}
	}
	return false
}

func merge(target, changes map[string]any) {
	for name, change := range changes {
		if change == nil {
			delete(target, name)
			continue
		}
		inner, ok := change.(map[string]any)
		if !ok {
			target[name] = change
			continue
		}
		to, ok := target[name].(map[string]any)
		if !ok || to == nil {
			to = make(map[string]any, len(inner))
			target[name] = to
		}
		merge(to, inner)
	}
}

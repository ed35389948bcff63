package patch

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec"
	"minke/apiserver/codec/inplace"
	"minke/apiserver/codec/untyped"
)

// MergeTyped returns a copy of obj, which has a Go type, with the merge patch in body
// applied (RFC 7386), or a strategic one. It knows patches that set scalars and take
// entries from maps. For others it tells false: use Apply then.
func MergeTyped(obj runtime.Object, body []byte, strategic bool) (runtime.Object, bool) {
	if codec.CheckDepth(body) != nil {
		return nil, false
	}
	decoded, ok := untyped.Decode(body)
	changes, isMap := decoded.(map[string]any)
	if !ok || !isMap || holdsList(decoded) {
		return nil, false
	}
	for _, name := range []string{"apiVersion", "kind"} {
		if _, given := changes[name]; given {
			return nil, false
		}
	}
	merged := obj.DeepCopyObject()
	return merged, mergeInto(merged, nil, changes, strategic)
}

func mergeInto(obj runtime.Object, path []inplace.Step, changes map[string]any, strategic bool) bool {
	for name, change := range changes {
		// A strategic patch may hold directives, and replaces some selectors.
		if strategic && (strings.HasPrefix(name, "$") || name == "selector") {
			return false
		}
		at := append(path, inplace.Step{Name: name})
		ok := false
		switch change := change.(type) {
		case nil:
			ok = inplace.Remove(obj, at)
		case map[string]any:
			ok = len(change) > 0 && mergeInto(obj, at, change, strategic)
		case string, bool, int64:
			ok = inplace.Put(obj, at, change)
		}
		if !ok {
			return false
		}
	}
	return true
}

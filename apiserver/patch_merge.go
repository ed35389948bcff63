package apiserver

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/patch"
	"minke/store/cache"
)

// merged applies a merge patch to an object without a detour through its text. It
// returns nil when that is not how to do it.
func (c *call) merged(kind types.PatchType, old *cache.Item, body []byte, v codec.Validation) (api.Object, error) {
	obj := c.mergeTyped(kind, old, body)
	if obj == nil {
		return c.mergeUntyped(kind, old, body, v)
	}
	if err := c.conform(obj, v, nil); err != nil {
		return nil, err
	}
	stored, err := c.importObject(obj)
	if err != nil {
		return nil, err
	}
	return stored, c.checkName(stored)
}

// mergeTyped applies a merge patch to an object with a Go type, or returns nil.
func (c *call) mergeTyped(kind types.PatchType, old *cache.Item, body []byte) api.Object {
	if kind != types.MergePatchType && kind != types.StrategicMergePatchType || c.end.version != nil || int64(len(old.Value)+len(body)) > c.cfg.Limits.Body {
		return nil
	}
	live := old.Object().(api.Object)
	if _, ok := live.(*unstructured.Unstructured); ok || live.GetObjectKind().GroupVersionKind() != c.end.kind {
		return nil
	}
	merged, ok := patch.MergeTyped(live, body, kind == types.StrategicMergePatchType)
	if !ok {
		return nil
	}
	return merged.(api.Object)
}

// mergeUntyped applies a merge patch to an object without a Go type, without a
// detour through text. It returns nil when that is not how to do it.
func (c *call) mergeUntyped(kind types.PatchType, old *cache.Item, body []byte, v codec.Validation) (api.Object, error) {
	u, ok := old.Object().(*unstructured.Unstructured)
	if !ok || kind != types.MergePatchType || v == codec.Strict /* who refuses it shows the text */ || c.end.version != nil || int64(len(old.Value)+len(body)) > c.cfg.Limits.Body {
		return nil, nil
	}
	fields, ok := patch.MergeFields(u.Object, body)
	if !ok {
		return nil, nil
	}
	obj := &unstructured.Unstructured{Object: fields}
	if obj.GroupVersionKind() != c.end.kind {
		return nil, nil
	}
	if err := c.conform(obj, v, nil); err != nil {
		return nil, err
	}
	stored, err := c.importObject(obj)
	if err != nil {
		return nil, err
	}
	return stored, c.checkName(stored)
}

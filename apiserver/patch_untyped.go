package apiserver

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/patch"
	"minke/store/cache"
)

// mergeUntyped applies a merge patch to an object without a Go type, without a
// detour through text. It returns nil when that is not how to do it.
func (c *call) mergeUntyped(kind types.PatchType, old *cache.Item, body []byte, v codec.Validation) (api.Object, error) {
	u, ok := old.Object().(*unstructured.Unstructured)
	if !ok || kind != types.MergePatchType || c.end.version != nil || int64(len(old.Value)+len(body)) > c.cfg.Limits.Body {
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
	if err := c.conform(obj, v); err != nil {
		return nil, err
	}
	stored, err := c.importObject(obj)
	if err != nil {
		return nil, err
	}
	return stored, c.checkName(stored)
}

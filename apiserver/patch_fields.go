package apiserver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"minke/api"
	"minke/apiserver/codec"
)

// patchedFields reads the result of the strategic merge patch in body field by
// field, as Kubernetes does, so that it is refused for the same reasons in the same
// words: they show the patch rather than its result. What either names as its kind
// is not looked at.
func (c *call) patchedFields(data, body []byte, v codec.Validation) (api.Object, error) {
	if err := codec.CheckDepth(data); err != nil {
		return nil, badPatch(data, err)
	}
	if err := codec.CheckElements(data, true); err != nil {
		return nil, badPatch(data, err)
	}
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &fields); err != nil {
		return nil, badPatch(data, err)
	}
	obj := c.end.empty()
	var strict []error
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(fields, obj, v != codec.Ignore)
	if unknown, ok := runtime.AsStrictDecodingError(err); ok {
		strict, err = unknown.Errors(), nil
	}
	if v != codec.Ignore {
		strict = append(codec.Check(body), strict...)
	}
	if err == nil && len(strict) > 0 && v == codec.Strict {
		err = runtime.NewStrictDecodingError(strict)
	}
	if err != nil {
		var given map[string]any
		if kjson.UnmarshalCaseSensitivePreserveInts(body, &given) != nil {
			return nil, badPatch(body, err)
		}
		return nil, badPatch(fmt.Appendf(nil, "%+v", given), err)
	}
	for _, e := range strict {
		c.warn(e.Error())
	}
	obj.GetObjectKind().SetGroupVersionKind(c.end.kind)
	stored, err := c.importObject(obj)
	if err != nil {
		return nil, err
	}
	return stored, c.checkName(stored)
}

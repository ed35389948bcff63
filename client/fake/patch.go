package fake

import (
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"minke/client"
)

func (s *Server) patch(t *table, r *client.Request) (runtime.Object, error) {
	old, err := t.find(r)
	if err != nil {
		return nil, err
	}
	var target runtime.Object = old
	if r.Subresource == "scale" {
		if target, err = scaleOf(old); err != nil {
			return nil, err
		}
	}
	next, err := patched(target, r)
	if err != nil {
		return nil, err
	}
	if r.Subresource == "scale" {
		return s.setScale(t, old, next)
	}
	return s.replace(t, old, next.(client.Object), r.Subresource)
}

func patched(target runtime.Object, r *client.Request) (runtime.Object, error) {
	before, err := json.Marshal(target)
	if err != nil {
		return nil, err
	}
	var after []byte
	switch r.PatchType {
	case types.JSONPatchType:
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch(r.Patch); err == nil {
			after, err = p.Apply(before)
		}
	case types.MergePatchType:
		after, err = jsonpatch.MergePatch(before, r.Patch)
	case types.StrategicMergePatchType:
		after, err = strategicpatch.StrategicMergePatch(before, r.Patch, target)
	default:
		return nil, apierrors.NewGenericServerResponse(415, "patch", r.Resource.GroupResource(), r.Name, fmt.Sprintf("the fake does not know patches of type %q", r.PatchType), 0, true)
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	next := reflect.New(reflect.TypeOf(target).Elem()).Interface().(runtime.Object)
	if err := json.Unmarshal(after, next); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return next, nil
}

package resource

import (
	resourcev1 "k8s.io/api/resource/v1"

	"minke/api"
)

func resourceSlices(f features) *api.Resource {
	return api.Definition[*resourcev1.ResourceSlice]{
		Kind:             resourcev1.SchemeGroupVersion.WithKind("ResourceSlice"),
		Plural:           "resourceslices",
		Cluster:          true,
		New:              api.New[resourcev1.ResourceSlice],
		NewList:          api.NewList[resourcev1.ResourceSliceList],
		Default:          defaultSlice,
		PrepareForCreate: resourceSliceCreate,
		PrepareForUpdate: resourceSliceUpdate,
		Validate:         f.validateSlice,
		ValidateUpdate:   f.validateSliceUpdate,
		Columns:          sliceColumns(),
		Fields:           sliceFields(),
		FieldRefusal:     "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: %s",
	}.Resource()
}

func resourceSliceCreate(o *resourcev1.ResourceSlice) {
	o.Generation = 1
}

func resourceSliceUpdate(o, old *resourcev1.ResourceSlice) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

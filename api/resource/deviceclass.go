package resource

import (
	resourcev1 "k8s.io/api/resource/v1"

	"minke/api"
)

func deviceClasses(f features) *api.Resource {
	return api.Definition[*resourcev1.DeviceClass]{
		Kind:             resourcev1.SchemeGroupVersion.WithKind("DeviceClass"),
		Plural:           "deviceclasses",
		Cluster:          true,
		New:              api.New[resourcev1.DeviceClass],
		NewList:          api.NewList[resourcev1.DeviceClassList],
		PrepareForCreate: deviceClassCreate,
		PrepareForUpdate: deviceClassUpdate,
		Validate:         f.validateClass,
		ValidateUpdate:   f.validateClassUpdate,
		Columns:          classColumns(),
	}.Resource()
}

func deviceClassCreate(o *resourcev1.DeviceClass) {
	o.Generation = 1
}

func deviceClassUpdate(o, old *resourcev1.DeviceClass) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

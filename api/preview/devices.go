package preview

import (
	resourcev1 "k8s.io/api/resource/v1"
	resourcev1beta1 "k8s.io/api/resource/v1beta1"

	"minke/api"
)

// firstDevices are the kinds of resource.k8s.io/v1beta1, in which a request for
// exactly one class has that class's fields itself, and a device keeps what it
// has under "basic".
func firstDevices() []offer {
	gv := resourcev1beta1.SchemeGroupVersion
	return []offer{
		converted[resourcev1beta1.DeviceClass, resourcev1beta1.DeviceClassList](gv.WithKind("DeviceClass"), "deviceclasses",
			api.Adjust[resourcev1beta1.DeviceClass, resourcev1.DeviceClass]{}),
		converted[resourcev1beta1.ResourceClaim, resourcev1beta1.ResourceClaimList](gv.WithKind("ResourceClaim"), "resourceclaims",
			api.Adjust[resourcev1beta1.ResourceClaim, resourcev1.ResourceClaim]{
				In: func(from *resourcev1beta1.ResourceClaim, to *resourcev1.ResourceClaim) {
					importRequests(from.Spec.Devices.Requests, to.Spec.Devices.Requests)
				},
				Out: func(from *resourcev1.ResourceClaim, to *resourcev1beta1.ResourceClaim) {
					exportRequests(from.Spec.Devices.Requests, to.Spec.Devices.Requests)
				},
			}),
		converted[resourcev1beta1.ResourceClaimTemplate, resourcev1beta1.ResourceClaimTemplateList](gv.WithKind("ResourceClaimTemplate"), "resourceclaimtemplates",
			api.Adjust[resourcev1beta1.ResourceClaimTemplate, resourcev1.ResourceClaimTemplate]{
				In: func(from *resourcev1beta1.ResourceClaimTemplate, to *resourcev1.ResourceClaimTemplate) {
					importRequests(from.Spec.Spec.Devices.Requests, to.Spec.Spec.Devices.Requests)
				},
				Out: func(from *resourcev1.ResourceClaimTemplate, to *resourcev1beta1.ResourceClaimTemplate) {
					exportRequests(from.Spec.Spec.Devices.Requests, to.Spec.Spec.Devices.Requests)
				},
			}),
		converted[resourcev1beta1.ResourceSlice, resourcev1beta1.ResourceSliceList](gv.WithKind("ResourceSlice"), "resourceslices",
			api.Adjust[resourcev1beta1.ResourceSlice, resourcev1.ResourceSlice]{
				In: func(from *resourcev1beta1.ResourceSlice, to *resourcev1.ResourceSlice) {
					for i, d := range from.Spec.Devices {
						if d.Basic == nil {
							continue
						}
						device := &to.Spec.Devices[i]
						must(api.Reshape(d.Basic, device))
						device.Name = d.Name
					}
				},
				Out: func(from *resourcev1.ResourceSlice, to *resourcev1beta1.ResourceSlice) {
					for i := range from.Spec.Devices {
						to.Spec.Devices[i].Basic = &resourcev1beta1.BasicDevice{}
						must(api.Reshape(&from.Spec.Devices[i], to.Spec.Devices[i].Basic))
					}
				},
			}),
	}
}

// importRequests completes the requests, which are as many. One that names no
// class and has alternatives is not exact.
func importRequests(from []resourcev1beta1.DeviceRequest, to []resourcev1.DeviceRequest) {
	for i := range from {
		if from[i].DeviceClassName == "" && len(from[i].FirstAvailable) > 0 {
			continue
		}
		to[i].Exactly = &resourcev1.ExactDeviceRequest{}
		must(api.Reshape(&from[i], to[i].Exactly))
	}
}

func exportRequests(from []resourcev1.DeviceRequest, to []resourcev1beta1.DeviceRequest) {
	for i := range from {
		if exact := from[i].Exactly; exact != nil {
			must(api.Reshape(exact, &to[i]))
		}
	}
}

// must is for conversions between published types of one shape, which cannot
// fail for an object that was decoded.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/api"
)

func endpointSlices() *api.Resource {
	return api.Definition[*discoveryv1.EndpointSlice]{
		Kind:             discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"),
		Plural:           "endpointslices",
		New:              api.New[discoveryv1.EndpointSlice],
		NewList:          api.NewList[discoveryv1.EndpointSliceList],
		Default:          defaultEndpointSlice,
		PrepareForCreate: endpointSliceCreate,
		PrepareForUpdate: endpointSliceUpdate,
		Columns:          endpointSliceColumns(),
		Validate:         validateEndpointSlice,
		ValidateUpdate:   validateEndpointSliceUpdate,
		Warnings:         endpointSliceWarnings,
	}.Resource()
}

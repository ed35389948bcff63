package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func endpoints() *api.Resource {
	r := api.Definition[*corev1.Endpoints]{
		Kind:           corev1.SchemeGroupVersion.WithKind("Endpoints"),
		Plural:         "endpoints",
		ShortNames:     []string{"ep"},
		New:            api.New[corev1.Endpoints],
		NewList:        api.NewList[corev1.EndpointsList],
		Default:        defaultEndpoints,
		CreateOnUpdate: true,
		Columns:        endpointsColumns(),
		Validate:       validateEndpoints,
		ValidateUpdate: validateEndpointsUpdate,
		Warnings:       endpointsWarnings,
	}.Resource()
	r.Deprecated = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
	return r
}

package node

import (
	nodev1 "k8s.io/api/node/v1"

	"minke/api"
)

func runtimeClasses() *api.Resource {
	return api.Definition[*nodev1.RuntimeClass]{
		Kind:                  nodev1.SchemeGroupVersion.WithKind("RuntimeClass"),
		Plural:                "runtimeclasses",
		Cluster:               true,
		New:                   api.New[nodev1.RuntimeClass],
		NewList:               api.NewList[nodev1.RuntimeClassList],
		ConditionalUpdateOnly: true,
		Validate:              validateRuntimeClass,
		ValidateUpdate:        validateRuntimeClassUpdate,
		Warnings:              runtimeClassWarnings,
		Columns:               runtimeClassColumns(),
	}.Resource()
}

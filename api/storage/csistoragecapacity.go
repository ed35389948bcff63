package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func csiStorageCapacities() *api.Resource {
	return api.Definition[*storagev1.CSIStorageCapacity]{
		Kind:                  storagev1.SchemeGroupVersion.WithKind("CSIStorageCapacity"),
		Plural:                "csistoragecapacities",
		New:                   api.New[storagev1.CSIStorageCapacity],
		NewList:               api.NewList[storagev1.CSIStorageCapacityList],
		ConditionalUpdateOnly: true,
		Validate:              validateCapacity,
		ValidateUpdate:        validateCapacityUpdate,
		Warnings:              capacityWarnings,
	}.Resource()
}

package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func csiDrivers() *api.Resource {
	return api.Definition[*storagev1.CSIDriver]{
		Kind:                  storagev1.SchemeGroupVersion.WithKind("CSIDriver"),
		Plural:                "csidrivers",
		Cluster:               true,
		New:                   api.New[storagev1.CSIDriver],
		NewList:               api.NewList[storagev1.CSIDriverList],
		Default:               defaultCSIDriver,
		PrepareForUpdate:      csiDriverUpdate,
		ConditionalUpdateOnly: true,
		Columns:               csiDriverColumns(),
		Warnings:              csiDriverWarnings,
		Validate:              validateCSIDriver,
		ValidateUpdate:        validateCSIDriverUpdate,
	}.Resource()
}

func csiDriverUpdate(d, old *storagev1.CSIDriver) {
	api.BumpGeneration(d, old, d.Spec, old.Spec)
}

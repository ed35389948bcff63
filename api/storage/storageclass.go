package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func storageClasses() *api.Resource {
	return api.Definition[*storagev1.StorageClass]{
		Kind:           storagev1.SchemeGroupVersion.WithKind("StorageClass"),
		Plural:         "storageclasses",
		ShortNames:     []string{"sc"},
		Cluster:        true,
		New:            api.New[storagev1.StorageClass],
		NewList:        api.NewList[storagev1.StorageClassList],
		Default:        defaultStorageClass,
		Columns:        storageClassColumns(),
		Validate:       validateStorageClass,
		ValidateUpdate: validateStorageClassUpdate,
		Warnings:       storageClassWarnings,
	}.Resource()
}

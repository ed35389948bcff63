package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func volumeAttributesClasses() *api.Resource {
	return api.Definition[*storagev1.VolumeAttributesClass]{
		Kind:           storagev1.SchemeGroupVersion.WithKind("VolumeAttributesClass"),
		Plural:         "volumeattributesclasses",
		ShortNames:     []string{"vac"},
		Cluster:        true,
		New:            api.New[storagev1.VolumeAttributesClass],
		NewList:        api.NewList[storagev1.VolumeAttributesClassList],
		Validate:       validateAttributesClass,
		ValidateUpdate: validateAttributesClassUpdate,
		Columns:        volumeAttributesClassColumns(),
	}.Resource()
}

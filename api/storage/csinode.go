package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func csiNodes() *api.Resource {
	return api.Definition[*storagev1.CSINode]{
		Kind:                  storagev1.SchemeGroupVersion.WithKind("CSINode"),
		Plural:                "csinodes",
		Cluster:               true,
		New:                   api.New[storagev1.CSINode],
		NewList:               api.NewList[storagev1.CSINodeList],
		ConditionalUpdateOnly: true,
		Validate:              validateCSINode,
		ValidateUpdate:        validateCSINodeUpdate,
		Columns:               csiNodeColumns(),
	}.Resource()
}

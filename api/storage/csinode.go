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
		PrepareForCreate:      func(n *storagev1.CSINode) { n.Status = storagev1.CSINodeStatus{} },
		PrepareForUpdate:      func(n, old *storagev1.CSINode) { n.Status = old.Status },
		Subresources: map[string]api.Subresource[*storagev1.CSINode]{
			"status": {
				Prepare:        func(n, old *storagev1.CSINode) { n.Spec = old.Spec; api.KeepMetadata(n, old) },
				ValidateUpdate: validateCSINodeStatus,
			},
		},
		Validate:       validateCSINode,
		ValidateUpdate: validateCSINodeUpdate,
		Columns:        csiNodeColumns(),
	}.Resource()
}

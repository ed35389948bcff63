package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func volumeAttachments() *api.Resource {
	return api.Definition[*storagev1.VolumeAttachment]{
		Kind:             storagev1.SchemeGroupVersion.WithKind("VolumeAttachment"),
		Plural:           "volumeattachments",
		Cluster:          true,
		New:              api.New[storagev1.VolumeAttachment],
		NewList:          api.NewList[storagev1.VolumeAttachmentList],
		PrepareForCreate: volumeAttachmentCreate,
		PrepareForUpdate: volumeAttachmentUpdate,
		Subresources: map[string]api.Subresource[*storagev1.VolumeAttachment]{
			"status": {Prepare: volumeAttachmentStatus, ValidateUpdate: validateVolumeAttachmentUpdate},
		},
		ConditionalUpdateOnly: true,
		Columns:               volumeAttachmentColumns(),
		Validate:              validateVolumeAttachment,
		ValidateUpdate:        validateVolumeAttachmentUpdate,
	}.Resource()
}

func volumeAttachmentCreate(o *storagev1.VolumeAttachment) {
	o.Status = storagev1.VolumeAttachmentStatus{}
}

func volumeAttachmentUpdate(o, old *storagev1.VolumeAttachment) {
	o.Status = old.Status
}

// volumeAttachmentStatus lets the status subresource change nothing but the status.
func volumeAttachmentStatus(o, old *storagev1.VolumeAttachment) {
	o.Spec = old.Spec
}

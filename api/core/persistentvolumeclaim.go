package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func persistentVolumeClaims() *api.Resource {
	return api.Definition[*corev1.PersistentVolumeClaim]{
		Kind:             corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"),
		Plural:           "persistentvolumeclaims",
		ShortNames:       []string{"pvc"},
		New:              api.New[corev1.PersistentVolumeClaim],
		NewList:          api.NewList[corev1.PersistentVolumeClaimList],
		PrepareForCreate: persistentVolumeClaimCreate,
		PrepareForUpdate: persistentVolumeClaimUpdate,
		Subresources: map[string]api.Subresource[*corev1.PersistentVolumeClaim]{
			"status": {Prepare: persistentVolumeClaimStatus},
		},
		Default: DefaultPersistentVolumeClaim,
	}.Resource()
}

func persistentVolumeClaimCreate(o *corev1.PersistentVolumeClaim) {
	o.Status = corev1.PersistentVolumeClaimStatus{}
}

func persistentVolumeClaimUpdate(o, old *corev1.PersistentVolumeClaim) {
	o.Status = old.Status
}

// persistentVolumeClaimStatus lets the status subresource change nothing but the status.
func persistentVolumeClaimStatus(o, old *corev1.PersistentVolumeClaim) {
	o.Spec = old.Spec
}

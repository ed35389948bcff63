package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func persistentVolumes() *api.Resource {
	return api.Definition[*corev1.PersistentVolume]{
		Kind:             corev1.SchemeGroupVersion.WithKind("PersistentVolume"),
		Plural:           "persistentvolumes",
		ShortNames:       []string{"pv"},
		Cluster:          true,
		New:              api.New[corev1.PersistentVolume],
		NewList:          api.NewList[corev1.PersistentVolumeList],
		PrepareForCreate: persistentVolumeCreate,
		PrepareForUpdate: persistentVolumeUpdate,
		Subresources: map[string]api.Subresource[*corev1.PersistentVolume]{
			"status": {Prepare: persistentVolumeStatus, ValidateUpdate: validatePersistentVolumeStatus},
		},
		Default:        defaultPersistentVolume,
		Columns:        persistentVolumeColumns(),
		Validate:       validatePersistentVolume,
		ValidateUpdate: validatePersistentVolumeUpdate,
		Warnings:       persistentVolumeWarnings,
	}.Resource()
}

func persistentVolumeUpdate(o, old *corev1.PersistentVolume) {
	o.Status = old.Status
}

// persistentVolumeStatus lets the status subresource change nothing but the status,
// and notes when the phase changed, unless the client says it (KEP-3762).
func persistentVolumeStatus(o, old *corev1.PersistentVolume) {
	o.Spec = old.Spec
	said := o.Status.LastPhaseTransitionTime
	switch same := o.Status.Phase == old.Status.Phase; {
	case same && said == nil:
		o.Status.LastPhaseTransitionTime = old.Status.LastPhaseTransitionTime
	case !same && (said == nil || said.Equal(old.Status.LastPhaseTransitionTime)):
		now := metav1.Now()
		o.Status.LastPhaseTransitionTime = &now
	}
}

func persistentVolumeCreate(o *corev1.PersistentVolume) {
	now := metav1.Now()
	o.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending, LastPhaseTransitionTime: &now}
}

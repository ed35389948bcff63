package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

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
			"status": {Prepare: persistentVolumeClaimStatus, ValidateUpdate: validateClaimStatus},
		},
		Default:        DefaultPersistentVolumeClaim,
		Columns:        persistentVolumeClaimColumns(),
		Validate:       validateClaim,
		ValidateUpdate: validateClaimUpdate,
		Warnings:       persistentVolumeClaimWarnings,
	}.Resource()
}

func persistentVolumeClaimUpdate(o, old *corev1.PersistentVolumeClaim) {
	o.Status = old.Status
	if old.Spec.DataSource == nil && old.Spec.DataSourceRef == nil {
		dropOldSource(&o.Spec)
	}
	// A client that does not know the newer field leaves it out.
	sameDataSource(&o.Spec)
}

// persistentVolumeClaimStatus lets the status subresource change nothing but the status.
func persistentVolumeClaimStatus(o, old *corev1.PersistentVolumeClaim) {
	o.Spec = old.Spec
}

func persistentVolumeClaimCreate(o *corev1.PersistentVolumeClaim) {
	o.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	dropOldSource(&o.Spec)
	sameDataSource(&o.Spec)
}

// dropOldSource drops what the older field never could name: anything but a
// claim or a snapshot (KEP-1495).
func dropOldSource(s *corev1.PersistentVolumeClaimSpec) {
	if s.DataSource == nil || s.DataSourceRef != nil {
		return
	}
	group, kind := ptr.Deref(s.DataSource.APIGroup, ""), s.DataSource.Kind
	if !(group == "" && kind == "PersistentVolumeClaim" || group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot") {
		s.DataSource = nil
	}
}

// sameDataSource makes the older and the newer field for the claim's content
// say the same, unless the newer one names another namespace.
func sameDataSource(s *corev1.PersistentVolumeClaimSpec) {
	switch {
	case s.DataSourceRef != nil && s.DataSource == nil && ptr.Deref(s.DataSourceRef.Namespace, "") == "":
		s.DataSource = &corev1.TypedLocalObjectReference{APIGroup: s.DataSourceRef.APIGroup, Kind: s.DataSourceRef.Kind, Name: s.DataSourceRef.Name}
	case s.DataSource != nil && s.DataSourceRef == nil:
		s.DataSourceRef = &corev1.TypedObjectReference{APIGroup: s.DataSource.APIGroup, Kind: s.DataSource.Kind, Name: s.DataSource.Name}
	}
}

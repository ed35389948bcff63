package storage

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// Limits of what a driver tells of its storage's health (KEP-1432); the lengths
// are in bytes.
const (
	maxHealthConditions = 16
	maxHealthReason     = 256
	maxHealthMessage    = 1024
)

// validateCSINodeStatus checks what drivers tell of the health of storage.
func validateCSINodeStatus(n, _ *storagev1.CSINode) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i := range n.Status.StorageHealth {
		h, at := &n.Status.StorageHealth[i], field.NewPath("status", "storageHealth").Index(i)
		if seen[h.Name] {
			errs = append(errs, field.Duplicate(at, h.Name))
		}
		seen[h.Name] = true
		if h.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, core.CSIDriverName(at.Child("name"), h.Name)...)
		}
		at = at.Child("healthConditions")
		if n := len(h.HealthConditions); n > maxHealthConditions {
			errs = append(errs, field.TooMany(at, n, maxHealthConditions))
			continue
		}
		for j := range h.HealthConditions {
			errs = append(errs, healthCondition(&h.HealthConditions[j], at.Index(j))...)
		}
	}
	return errs
}

func healthCondition(c *storagev1.StorageHealthCondition, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if kinds := []storagev1.StorageHealthStatusType{storagev1.StorageDegraded, storagev1.StorageUnreachable}; !slices.Contains(kinds, c.Status) {
		errs = append(errs, field.NotSupported(at.Child("status"), c.Status, kinds))
	}
	if c.Reason == "" {
		errs = append(errs, field.Required(at.Child("reason"), ""))
	} else {
		for _, msg := range metavalidation.IsValidConditionReason(c.Reason) {
			errs = append(errs, field.Invalid(at.Child("reason"), c.Reason, msg))
		}
		if len(c.Reason) > maxHealthReason {
			errs = append(errs, field.TooLong(at.Child("reason"), c.Reason, maxHealthReason))
		}
	}
	if len(c.Message) > maxHealthMessage {
		errs = append(errs, field.TooLong(at.Child("message"), c.Message, maxHealthMessage))
	}
	access := []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod}
	if m := c.AccessMode; m != nil && !slices.Contains(access, *m) {
		errs = append(errs, field.NotSupported(at.Child("accessMode"), *m, access))
	}
	modes := []corev1.PersistentVolumeMode{corev1.PersistentVolumeFilesystem, corev1.PersistentVolumeBlock}
	if m := c.VolumeMode; m != nil && !slices.Contains(modes, *m) {
		errs = append(errs, field.NotSupported(at.Child("volumeMode"), *m, modes))
	}
	return errs
}

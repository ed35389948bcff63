package core

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func persistentVolumeColumns() []api.Column[*corev1.PersistentVolume] {
	return []api.Column[*corev1.PersistentVolume]{
		{Name: "Capacity", Cell: func(v *corev1.PersistentVolume) any { return storageOf(v.Spec.Capacity) }},
		{Name: "Access Modes", Cell: func(v *corev1.PersistentVolume) any { return accessModes(v.Spec.AccessModes) }},
		{Name: "Reclaim Policy", Cell: func(v *corev1.PersistentVolume) any { return string(v.Spec.PersistentVolumeReclaimPolicy) }},
		{Name: "Status", Cell: func(v *corev1.PersistentVolume) any { return deletionPhase(v, string(v.Status.Phase)) }},
		{Name: "Claim", Cell: func(v *corev1.PersistentVolume) any {
			if v.Spec.ClaimRef == nil {
				return ""
			}
			return v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		}},
		{Name: "StorageClass", Cell: func(v *corev1.PersistentVolume) any {
			if class, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return v.Spec.StorageClassName
		}},
		{Name: "VolumeAttributesClass", Cell: func(v *corev1.PersistentVolume) any { return orUnset(v.Spec.VolumeAttributesClassName) }},
		{Name: "Reason", Cell: func(v *corev1.PersistentVolume) any { return v.Status.Reason }},
		api.AgeColumn[*corev1.PersistentVolume](),
		{Name: "VolumeMode", Priority: 1, Cell: func(v *corev1.PersistentVolume) any { return orUnset(v.Spec.VolumeMode) }},
	}
}

func persistentVolumeClaimColumns() []api.Column[*corev1.PersistentVolumeClaim] {
	bound := func(c *corev1.PersistentVolumeClaim) bool { return c.Spec.VolumeName != "" }
	return []api.Column[*corev1.PersistentVolumeClaim]{
		{Name: "Status", Cell: func(c *corev1.PersistentVolumeClaim) any { return deletionPhase(c, string(c.Status.Phase)) }},
		{Name: "Volume", Cell: func(c *corev1.PersistentVolumeClaim) any { return c.Spec.VolumeName }},
		{Name: "Capacity", Cell: func(c *corev1.PersistentVolumeClaim) any {
			if !bound(c) {
				return ""
			}
			return storageOf(c.Status.Capacity)
		}},
		{Name: "Access Modes", Cell: func(c *corev1.PersistentVolumeClaim) any {
			if !bound(c) {
				return ""
			}
			return accessModes(c.Status.AccessModes)
		}},
		{Name: "StorageClass", Cell: func(c *corev1.PersistentVolumeClaim) any {
			if class, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			if c.Spec.StorageClassName == nil {
				return ""
			}
			return *c.Spec.StorageClassName
		}},
		{Name: "VolumeAttributesClass", Cell: func(c *corev1.PersistentVolumeClaim) any { return orUnset(c.Spec.VolumeAttributesClassName) }},
		api.AgeColumn[*corev1.PersistentVolumeClaim](),
		{Name: "VolumeMode", Priority: 1, Cell: func(c *corev1.PersistentVolumeClaim) any { return orUnset(c.Spec.VolumeMode) }},
	}
}

func orUnset[V ~string](v *V) string {
	if v == nil {
		return api.Unset
	}
	return string(*v)
}

func storageOf(list corev1.ResourceList) string {
	q := list[corev1.ResourceStorage]
	return q.String()
}

// accessModes are shown in their short forms, always in this order.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var short []string
	for _, m := range []struct {
		mode  corev1.PersistentVolumeAccessMode
		short string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		for _, has := range modes {
			if has == m.mode {
				short = append(short, m.short)
				break
			}
		}
	}
	return strings.Join(short, ",")
}

package storage

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"minke/api"
)

func defaultStorageClass(c *storagev1.StorageClass) {
	api.FillPointer(&c.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
	api.FillPointer(&c.VolumeBindingMode, storagev1.VolumeBindingImmediate)
}

func defaultCSIDriver(d *storagev1.CSIDriver) {
	s := &d.Spec
	api.FillPointer(&s.AttachRequired, true)
	api.FillPointer(&s.PodInfoOnMount, false)
	api.FillPointer(&s.StorageCapacity, false)
	api.FillPointer(&s.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	api.FillPointer(&s.RequiresRepublish, false)
	api.FillPointer(&s.SELinuxMount, false)
	api.FillPointer(&s.PreventPodSchedulingIfMissing, false)
	if len(s.VolumeLifecycleModes) == 0 {
		s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}

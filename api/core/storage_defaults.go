package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

// DefaultPersistentVolumeClaim fills in a claim, also one of a stateful set.
func DefaultPersistentVolumeClaim(c *corev1.PersistentVolumeClaim) {
	api.Fill(&c.Status.Phase, corev1.ClaimPending)
	api.FillPointer(&c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	roundUp(c.Spec.Resources.Limits)
	roundUp(c.Spec.Resources.Requests)
}

func defaultPersistentVolume(v *corev1.PersistentVolume) {
	s := &v.Spec
	api.Fill(&v.Status.Phase, corev1.VolumePending)
	api.Fill(&s.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	api.FillPointer(&s.VolumeMode, corev1.PersistentVolumeFilesystem)
	roundUp(s.Capacity)
	switch {
	case s.HostPath != nil:
		defaultHostPath(s.HostPath)
	case s.ISCSI != nil:
		api.Fill(&s.ISCSI.ISCSIInterface, "default")
	case s.RBD != nil:
		api.Fill(&s.RBD.RBDPool, "rbd")
		api.Fill(&s.RBD.RadosUser, "admin")
		api.Fill(&s.RBD.Keyring, "/etc/ceph/keyring")
	case s.ScaleIO != nil:
		api.Fill(&s.ScaleIO.StorageMode, "ThinProvisioned")
		api.Fill(&s.ScaleIO.FSType, "xfs")
	case s.AzureDisk != nil:
		defaultAzureDisk(s.AzureDisk)
	}
}

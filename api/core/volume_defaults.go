package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func defaultVolume(v *corev1.Volume) {
	s := &v.VolumeSource
	switch {
	case *s == (corev1.VolumeSource{}):
		s.EmptyDir = &corev1.EmptyDirVolumeSource{}
	case s.Secret != nil:
		api.FillPointer(&s.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case s.ConfigMap != nil:
		api.FillPointer(&s.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case s.DownwardAPI != nil:
		api.FillPointer(&s.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
		defaultDownward(s.DownwardAPI.Items)
	case s.Projected != nil:
		defaultProjected(s.Projected)
	case s.HostPath != nil:
		defaultHostPath(s.HostPath)
	case s.Ephemeral != nil:
		if t := s.Ephemeral.VolumeClaimTemplate; t != nil {
			api.FillPointer(&t.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
		}
	case s.Image != nil:
		api.Fill(&s.Image.PullPolicy, pullPolicy(s.Image.Reference))
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

func defaultHostPath(h *corev1.HostPathVolumeSource) {
	api.FillPointer(&h.Type, corev1.HostPathUnset)
}

func defaultAzureDisk(d *corev1.AzureDiskVolumeSource) {
	api.FillPointer(&d.CachingMode, corev1.AzureDataDiskCachingReadWrite)
	api.FillPointer(&d.FSType, "ext4")
	api.FillPointer(&d.ReadOnly, false)
	api.FillPointer(&d.Kind, corev1.AzureSharedBlobDisk)
}

func defaultProjected(p *corev1.ProjectedVolumeSource) {
	api.FillPointer(&p.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
	for i := range p.Sources {
		if t := p.Sources[i].ServiceAccountToken; t != nil {
			api.FillPointer(&t.ExpirationSeconds, 60*60)
		}
		if d := p.Sources[i].DownwardAPI; d != nil {
			defaultDownward(d.Items)
		}
	}
}

func defaultDownward(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		if ref := items[i].FieldRef; ref != nil {
			api.Fill(&ref.APIVersion, "v1")
		}
	}
}

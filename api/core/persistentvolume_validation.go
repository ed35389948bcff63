package core

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func validatePersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	return ValidatePersistentVolumeSpec(&v.Spec, nil, v.Name, false, field.NewPath("spec"))
}

// ValidatePersistentVolumeSpec checks a volume of that name, given what it was
// before (nil for a new one). Inline is one that an attachment brings along.
func ValidatePersistentVolumeSpec(s, old *corev1.PersistentVolumeSpec, name string, inline bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if inline {
		errs = append(errs, forbid(at, "may not be specified in the context of inline volumes", []setField{{"claimRef", s.ClaimRef != nil}, {"capacity", len(s.Capacity) > 0}})...)
		if s.CSI == nil {
			errs = append(errs, field.Required(at.Child("csi"), "has to be specified in the context of inline volumes"))
		}
	}
	errs = append(errs, validateAccessModes(s.AccessModes, at.Child("accessModes"), "")...)
	if !inline {
		errs = append(errs, volumeCapacity(s.Capacity, at.Child("capacity"))...)
	}
	if p := s.PersistentVolumeReclaimPolicy; p != "" {
		if !inline {
			errs = append(errs, oneOf(at.Child("persistentVolumeReclaimPolicy"), p, corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
		} else if p != corev1.PersistentVolumeReclaimRetain {
			errs = append(errs, field.Forbidden(at.Child("persistentVolumeReclaimPolicy"), "may only be Retain in the context of inline volumes"))
		}
	}
	if s.NodeAffinity != nil {
		errs = append(errs, volumeAffinity(s, old, inline, at.Child("nodeAffinity"))...)
	}
	errs = append(errs, oneSource(persistentSources(s, name, at), at)...)
	if s.HostPath != nil && path.Clean(s.HostPath.Path) == "/" && s.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(at.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		if inline {
			errs = append(errs, field.Forbidden(at.Child("storageClassName"), "may not be specified in the context of inline volumes"))
		} else {
			errs = append(errs, subdomain(at.Child("storageClassName"), s.StorageClassName)...)
		}
	}
	if m := s.VolumeMode; m != nil {
		if !inline {
			errs = append(errs, volumeMode(at.Child("volumeMode"), *m)...)
		} else if *m != corev1.PersistentVolumeFilesystem {
			errs = append(errs, field.Forbidden(at.Child("volumeMode"), "may not specify volumeMode other than Filesystem in the context of inline volumes"))
		}
	}
	if n := s.VolumeAttributesClassName; n != nil {
		if *n == "" {
			errs = append(errs, field.Required(at.Child("volumeAttributesClassName"), "an empty string is disallowed"))
		} else {
			errs = append(errs, subdomain(at.Child("volumeAttributesClassName"), *n)...)
		}
		if s.CSI == nil {
			errs = append(errs, field.Required(at.Child("csi"), "has to be specified when using volumeAttributesClassName"))
		}
	}
	return errs
}

func volumeCapacity(capacity corev1.ResourceList, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(capacity) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	if _, ok := capacity[corev1.ResourceStorage]; !ok || len(capacity) > 1 {
		errs = append(errs, field.NotSupported(at, capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for _, name := range sorted(capacity) {
		errs = append(errs, notNegativeResource(capacity, name, at)...)
		if q := capacity[name]; q.Sign() <= 0 {
			errs = append(errs, field.Invalid(at.Key(string(name)), q.String(), notPositiveMessage))
		}
	}
	return errs
}

func volumeAffinity(s, old *corev1.PersistentVolumeSpec, inline bool, at *field.Path) field.ErrorList {
	switch {
	case inline:
		return field.ErrorList{field.Forbidden(at, "may not be specified in the context of inline volumes")}
	case s.NodeAffinity.Required == nil:
		return field.ErrorList{field.Required(at.Child("required"), "must specify required node constraints")}
	}
	// Values that no label can have were not refused before.
	lenient := false
	if old != nil && old.NodeAffinity != nil && old.NodeAffinity.Required != nil {
		lenient = len(ValidateNodeSelector(old.NodeAffinity.Required, false, nil)) > len(ValidateNodeSelector(old.NodeAffinity.Required, true, nil))
	}
	return ValidateNodeSelector(s.NodeAffinity.Required, lenient, at.Child("required"))
}

func persistentSources(spec *corev1.PersistentVolumeSpec, name string, at *field.Path) []source {
	s := &spec.PersistentVolumeSource
	return []source{
		{"hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return validateHostPath(s.HostPath, p) }},
		{"gcePersistentDisk", s.GCEPersistentDisk != nil, func(*field.Path) field.ErrorList { return validateGCE(s.GCEPersistentDisk, at) }},
		{"awsElasticBlockStore", s.AWSElasticBlockStore != nil, func(p *field.Path) field.ErrorList { return validateAWS(s.AWSElasticBlockStore, p) }},
		{"glusterfs", s.Glusterfs != nil, func(p *field.Path) field.ErrorList { return validatePersistentGlusterfs(s.Glusterfs, p) }},
		{"flocker", s.Flocker != nil, func(p *field.Path) field.ErrorList { return validateFlocker(s.Flocker, p) }},
		{"nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return validateNFS(s.NFS, p) }},
		{"rbd", s.RBD != nil, func(p *field.Path) field.ErrorList { return validateRBD(s.RBD.CephMonitors, s.RBD.RBDImage, p) }},
		{"quobyte", s.Quobyte != nil, func(p *field.Path) field.ErrorList { return validateQuobyte(s.Quobyte, p) }},
		{"cephfs", s.CephFS != nil, func(p *field.Path) field.ErrorList { return some(p.Child("monitors"), len(s.CephFS.Monitors)) }},
		{"iscsi", s.ISCSI != nil, func(p *field.Path) field.ErrorList { return validatePersistentISCSI(s.ISCSI, name, p) }},
		{"cinder", s.Cinder != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("volumeID"), s.Cinder.VolumeID), remoteSecret(s.Cinder.SecretRef, p.Child("secretRef"))...)
		}},
		{"fc", s.FC != nil, func(p *field.Path) field.ErrorList { return validateFC(s.FC, p) }},
		{"flexVolume", s.FlexVolume != nil, func(p *field.Path) field.ErrorList { return validateFlex(s.FlexVolume.Driver, s.FlexVolume.Options, p) }},
		{"azureFile", s.AzureFile != nil, func(p *field.Path) field.ErrorList { return validatePersistentAzureFile(s.AzureFile, p) }},
		{"vsphereVolume", s.VsphereVolume != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("volumePath"), s.VsphereVolume.VolumePath)
		}},
		{"photonPersistentDisk", s.PhotonPersistentDisk != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("pdID"), s.PhotonPersistentDisk.PdID)
		}},
		{"portworxVolume", s.PortworxVolume != nil, func(p *field.Path) field.ErrorList {
			return required(p.Child("volumeID"), s.PortworxVolume.VolumeID)
		}},
		{"azureDisk", s.AzureDisk != nil, func(p *field.Path) field.ErrorList { return validateAzureDisk(s.AzureDisk, p) }},
		{"scaleIO", s.ScaleIO != nil, func(p *field.Path) field.ErrorList {
			return validateScaleIO(s.ScaleIO.Gateway, s.ScaleIO.System, s.ScaleIO.VolumeName, p)
		}},
		{"local", s.Local != nil, func(p *field.Path) field.ErrorList {
			errs := append(required(p.Child("path"), s.Local.Path), noBacksteps(s.Local.Path, p.Child("path"))...)
			if spec.NodeAffinity == nil {
				errs = append(errs, field.Required(at.Child("nodeAffinity"), "Local volume requires node affinity"))
			}
			return errs
		}},
		{"storageos", s.StorageOS != nil, func(p *field.Path) field.ErrorList {
			errs := validateStorageOS(s.StorageOS.VolumeName, s.StorageOS.VolumeNamespace, p)
			if ref := s.StorageOS.SecretRef; ref != nil {
				errs = append(errs, required(p.Child("secretRef", "name"), ref.Name)...)
				errs = append(errs, required(p.Child("secretRef", "namespace"), ref.Namespace)...)
			}
			return errs
		}},
		{"csi", s.CSI != nil, func(p *field.Path) field.ErrorList { return validatePersistentCSI(s.CSI, p) }},
	}
}

// validatePersistentVolumeUpdate keeps where a volume's content is.
func validatePersistentVolumeUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	errs := ValidatePersistentVolumeSpec(&v.Spec, &old.Spec, v.Name, false, field.NewPath("spec"))
	now := &v.Spec.PersistentVolumeSource
	if now.CSI != nil && now.CSI.ControllerExpandSecretRef != nil && old.Spec.CSI != nil && old.Spec.CSI.ControllerExpandSecretRef == nil {
		now = now.DeepCopy()
		now.CSI.ControllerExpandSecretRef = nil
	}
	if !equality.Semantic.DeepEqual(now, &old.Spec.PersistentVolumeSource) {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation\n"+difference(&old.Spec.PersistentVolumeSource, now)))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(v.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if c := v.Spec.VolumeAttributesClassName; !ptr.Equal(c, old.Spec.VolumeAttributesClassName) && c == nil {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
	}
	return errs
}

func validatePersistentVolumeStatus(v, _ *corev1.PersistentVolume) field.ErrorList {
	if v.ResourceVersion == "" {
		return field.ErrorList{field.Required(field.NewPath("resourceVersion"), "")}
	}
	return nil
}

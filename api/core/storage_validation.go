package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var allAccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod}

func validateClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	return validateClaimSpec(&c.Spec, field.NewPath("spec"))
}

// ValidatePersistentVolumeClaimSpec checks the claim of a stateful set's template.
func ValidatePersistentVolumeClaimSpec(s *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	return validateClaimSpec(s, path)
}

func validateClaimSpec(s *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	errs := validateAccessModes(s.AccessModes, path.Child("accessModes"), "at least 1 access mode is required")
	if s.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(s.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	requests := path.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := s.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(requests, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(requests, size.String(), "must be greater than zero"))
	}
	if s.StorageClassName != nil && *s.StorageClassName != "" {
		for _, msg := range validation.IsDNS1123Subdomain(*s.StorageClassName) {
			errs = append(errs, field.Invalid(path.Child("storageClassName"), *s.StorageClassName, msg))
		}
	}
	if s.VolumeMode != nil {
		errs = append(errs, enum(path.Child("volumeMode"), *s.VolumeMode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	return errs
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path, missing string) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(path, missing)}
	}
	var errs field.ErrorList
	for _, m := range modes {
		if !slices.Contains(allAccessModes, m) {
			errs = append(errs, field.NotSupported(path, m, allAccessModes))
		}
	}
	if slices.Contains(modes, corev1.ReadWriteOncePod) && len(modes) > 1 {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateClaimUpdate lets a claim grow and be bound, and nothing else.
func validateClaimUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := validateClaim(c)
	path := field.NewPath("spec")
	now, before := c.Spec.DeepCopy(), &old.Spec
	if before.VolumeName == "" {
		now.VolumeName = ""
	}
	if before.StorageClassName == nil {
		now.StorageClassName = nil
	}
	if c.Status.Phase == corev1.ClaimBound || old.Status.Phase == corev1.ClaimBound {
		now.Resources.Requests = before.Resources.Requests
	}
	now.VolumeAttributesClassName = before.VolumeAttributesClassName
	if !equality.Semantic.DeepEqual(now, before) {
		errs = append(errs, field.Forbidden(path, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"))
	}
	size, oldSize := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if had := old.Status.Capacity[corev1.ResourceStorage]; size.Cmp(oldSize) < 0 && size.Cmp(had) <= 0 {
		errs = append(errs, field.Forbidden(path.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	return errs
}

func validatePersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	s, path := &v.Spec, field.NewPath("spec")
	errs := validateAccessModes(s.AccessModes, path.Child("accessModes"), "")
	switch {
	case len(s.Capacity) == 0:
		errs = append(errs, field.Required(path.Child("capacity"), ""))
	case len(s.Capacity) > 1:
		errs = append(errs, field.NotSupported(path.Child("capacity"), s.Capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for _, name := range sorted(s.Capacity) {
		if q := s.Capacity[name]; q.Sign() <= 0 {
			errs = append(errs, field.Invalid(path.Child("capacity").Key(string(name)), q.String(), "must be greater than zero"))
		}
	}
	errs = append(errs, enum(path.Child("persistentVolumeReclaimPolicy"), s.PersistentVolumeReclaimPolicy,
		corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	if s.VolumeMode != nil {
		errs = append(errs, enum(path.Child("volumeMode"), *s.VolumeMode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	errs = append(errs, oneSource(persistentSources(&s.PersistentVolumeSource), path)...)
	if s.NodeAffinity != nil {
		if s.NodeAffinity.Required == nil {
			errs = append(errs, field.Required(path.Child("nodeAffinity", "required"), "must specify required node constraints"))
		} else {
			errs = append(errs, validateNodeSelector(s.NodeAffinity.Required, path.Child("nodeAffinity", "required"))...)
		}
	}
	if s.Local != nil && s.NodeAffinity == nil {
		errs = append(errs, field.Required(path.Child("nodeAffinity"), "Local volume requires node affinity"))
	}
	return errs
}

func persistentSources(s *corev1.PersistentVolumeSource) []source {
	return []source{
		{"hostPath", s.HostPath != nil, func(p *field.Path) field.ErrorList { return validateHostPath(s.HostPath, p) }},
		{"local", s.Local != nil, func(p *field.Path) field.ErrorList { return required(p.Child("path"), s.Local.Path) }},
		{"nfs", s.NFS != nil, func(p *field.Path) field.ErrorList { return validateNFS(s.NFS, p) }},
		{"csi", s.CSI != nil, func(p *field.Path) field.ErrorList {
			return append(required(p.Child("driver"), s.CSI.Driver), required(p.Child("volumeHandle"), s.CSI.VolumeHandle)...)
		}},
		{"gcePersistentDisk", s.GCEPersistentDisk != nil, nil}, {"awsElasticBlockStore", s.AWSElasticBlockStore != nil, nil},
		{"glusterfs", s.Glusterfs != nil, nil}, {"rbd", s.RBD != nil, nil}, {"iscsi", s.ISCSI != nil, nil},
		{"cinder", s.Cinder != nil, nil}, {"cephfs", s.CephFS != nil, nil}, {"fc", s.FC != nil, nil},
		{"flocker", s.Flocker != nil, nil}, {"flexVolume", s.FlexVolume != nil, nil}, {"azureFile", s.AzureFile != nil, nil},
		{"vsphereVolume", s.VsphereVolume != nil, nil}, {"quobyte", s.Quobyte != nil, nil}, {"azureDisk", s.AzureDisk != nil, nil},
		{"photonPersistentDisk", s.PhotonPersistentDisk != nil, nil}, {"portworxVolume", s.PortworxVolume != nil, nil},
		{"scaleIO", s.ScaleIO != nil, nil}, {"storageos", s.StorageOS != nil, nil},
	}
}

func validatePersistentVolumeUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	errs := validatePersistentVolume(v)
	if !equality.Semantic.DeepEqual(v.Spec.PersistentVolumeSource, old.Spec.PersistentVolumeSource) {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation"))
	}
	if v.Spec.VolumeMode != nil && old.Spec.VolumeMode != nil && *v.Spec.VolumeMode != *old.Spec.VolumeMode {
		errs = append(errs, field.Invalid(field.NewPath("volumeMode"), v.Spec.VolumeMode, "field is immutable"))
	}
	return errs
}

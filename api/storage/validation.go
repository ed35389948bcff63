package storage

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateStorageClass(c *storagev1.StorageClass) field.ErrorList {
	errs := driverName(c.Provisioner, field.NewPath("provisioner"))
	for key := range c.Parameters {
		if key == "" {
			errs = append(errs, field.Invalid(field.NewPath("parameters"), key, "field can not be empty."))
		}
	}
	policies := []corev1.PersistentVolumeReclaimPolicy{corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain}
	if p := c.ReclaimPolicy; p != nil && *p != "" && !slices.Contains(policies, *p) {
		errs = append(errs, field.NotSupported(field.NewPath("reclaimPolicy"), *p, policies))
	}
	modes := []storagev1.VolumeBindingMode{storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer}
	switch m := c.VolumeBindingMode; {
	case m == nil:
		errs = append(errs, field.Required(field.NewPath("volumeBindingMode"), ""))
	case !slices.Contains(modes, *m):
		errs = append(errs, field.NotSupported(field.NewPath("volumeBindingMode"), *m, modes))
	}
	return errs
}

func driverName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, name)}
	}
	var errs field.ErrorList
	for _, msg := range validation.IsQualifiedName(strings.ToLower(name)) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

func validateStorageClassUpdate(c, old *storagev1.StorageClass) field.ErrorList {
	errs := validateStorageClass(c)
	errs = append(errs, forbid(c.Parameters, old.Parameters, "parameters", "updates to parameters are forbidden.")...)
	errs = append(errs, forbid(c.Provisioner, old.Provisioner, "provisioner", "updates to provisioner are forbidden.")...)
	errs = append(errs, forbid(c.ReclaimPolicy, old.ReclaimPolicy, "reclaimPolicy", "updates to reclaimPolicy are forbidden.")...)
	return append(errs, apivalidation.ValidateImmutableField(c.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
}

func forbid(now, before any, name, message string) field.ErrorList {
	if len(apivalidation.ValidateImmutableField(now, before, field.NewPath(name))) > 0 {
		return field.ErrorList{field.Forbidden(field.NewPath(name), message)}
	}
	return nil
}

func validateCSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if d.Spec.AttachRequired == nil {
		errs = append(errs, field.Required(path.Child("attachedRequired"), ""))
	}
	if d.Spec.PodInfoOnMount == nil {
		errs = append(errs, field.Required(path.Child("podInfoOnMount"), ""))
	}
	modes := []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral}
	for _, m := range d.Spec.VolumeLifecycleModes {
		if !slices.Contains(modes, m) {
			errs = append(errs, field.NotSupported(path.Child("volumeLifecycleModes"), m, modes))
		}
	}
	return errs
}

func validateCSIDriverUpdate(d, old *storagev1.CSIDriver) field.ErrorList {
	errs := validateCSIDriver(d)
	path := field.NewPath("spec")
	errs = append(errs, apivalidation.ValidateImmutableField(d.Spec.AttachRequired, old.Spec.AttachRequired, path.Child("attachedRequired"))...)
	return append(errs, apivalidation.ValidateImmutableField(d.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes, path.Child("volumeLifecycleModes"))...)
}

func validateVolumeAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	path := field.NewPath("spec")
	errs := driverName(a.Spec.Attacher, path.Child("attacher"))
	if a.Spec.NodeName == "" {
		errs = append(errs, field.Required(path.Child("nodeName"), ""))
	}
	pv, inline := a.Spec.Source.PersistentVolumeName != nil, a.Spec.Source.InlineVolumeSpec != nil
	switch {
	case !pv && !inline:
		errs = append(errs, field.Required(path.Child("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case pv && inline:
		errs = append(errs, field.Forbidden(path.Child("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	}
	return errs
}

func validateVolumeAttachmentUpdate(a, old *storagev1.VolumeAttachment) field.ErrorList {
	return append(validateVolumeAttachment(a), apivalidation.ValidateImmutableField(a.Spec, old.Spec, field.NewPath("spec"))...)
}

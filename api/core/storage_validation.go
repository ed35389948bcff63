package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var allAccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod}

func validateClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	return validateClaimSpec(&c.Spec, nil, field.NewPath("spec"))
}

// ValidatePersistentVolumeClaimSpec checks the claim of a stateful set's template.
func ValidatePersistentVolumeClaimSpec(s *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	return validateClaimSpec(s, nil, path)
}

// validateClaimSpec is given the claim as it was; nil for a new one.
func validateClaimSpec(s, old *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	errs := validateAccessModes(s.AccessModes, path.Child("accessModes"), "at least 1 access mode is required")
	if s.Selector != nil {
		var strict ratchet
		check := func(lenient bool) field.ErrorList {
			return metav1validation.ValidateLabelSelector(s.Selector, metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: lenient}, path.Child("selector"))
		}
		if old != nil && len(metav1validation.ValidateLabelSelector(old.Selector, metav1validation.LabelSelectorValidationOptions{}, nil)) > 0 {
			strict.waived = ruleSelectorValues
		}
		errs = append(errs, strict.strictly(ruleSelectorValues, check)...)
	}
	requests := path.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := s.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(requests, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(requests, size.String(), notPositiveMessage))
	}
	if s.StorageClassName != nil && *s.StorageClassName != "" {
		errs = append(errs, subdomain(path.Child("storageClassName"), *s.StorageClassName)...)
	}
	if s.VolumeMode != nil {
		errs = append(errs, volumeMode(path.Child("volumeMode"), *s.VolumeMode)...)
	}
	errs = append(errs, validateDataSources(s, old, path)...)
	if n := s.VolumeAttributesClassName; n != nil && *n != "" {
		errs = append(errs, subdomain(path.Child("volumeAttributesClassName"), *n)...)
	}
	return errs
}

func volumeMode(path *field.Path, mode corev1.PersistentVolumeMode) field.ErrorList {
	return oneOf(path, mode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)
}

// validateDataSources checks what a claim is filled with, which an older and a
// newer field say.
func validateDataSources(s, old *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	// A group that is none was not refused before.
	anyGroup := old != nil && ((old.DataSource != nil && old.DataSource.APIGroup != nil) || (old.DataSourceRef != nil && old.DataSourceRef.APIGroup != nil))
	var errs field.ErrorList
	if d := s.DataSource; d != nil {
		errs = append(errs, dataSource(d.APIGroup, d.Kind, d.Name, anyGroup, path.Child("dataSource"))...)
	}
	r := s.DataSourceRef
	if r == nil {
		return errs
	}
	errs = append(errs, dataSource(r.APIGroup, r.Kind, r.Name, anyGroup, path.Child("dataSourceRef"))...)
	elsewhere := r.Namespace != nil && *r.Namespace != ""
	if elsewhere {
		errs = append(errs, label(path.Child("dataSourceRef", "namespace"), *r.Namespace)...)
	}
	switch d := s.DataSource; {
	case d == nil:
	case elsewhere:
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "may not be specified when dataSourceRef.namespace is specified"))
	case !ptr.Equal(d.APIGroup, r.APIGroup) || d.Kind != r.Kind || d.Name != r.Name:
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "must match dataSourceRef"))
	}
	return errs
}

func dataSource(group *string, kind, name string, anyGroup bool, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("name"), name), required(path.Child("kind"), kind)...)
	if ptr.Deref(group, "") == "" {
		if kind != "PersistentVolumeClaim" {
			errs = append(errs, field.Invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
		}
	} else if !anyGroup {
		errs = append(errs, subdomain(path.Child("apiGroup"), *group)...)
	}
	return errs
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path, missing string) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(path, missing)}
	}
	var errs field.ErrorList
	single, other := false, false
	for _, m := range modes {
		if !slices.Contains(allAccessModes, m) {
			errs = append(errs, field.NotSupported(path, m, allAccessModes))
			continue
		}
		single = single || m == corev1.ReadWriteOncePod
		other = other || m != corev1.ReadWriteOncePod
	}
	if single && other {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateClaimUpdate lets a claim grow and be bound, and nothing else.
func validateClaimUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := validateClaimSpec(&c.Spec, &old.Spec, field.NewPath("spec"))
	path := field.NewPath("spec")
	now, before := c.Spec.DeepCopy(), old.Spec.DeepCopy()
	if before.VolumeName == "" {
		before.VolumeName = now.VolumeName
	}
	// The class was an annotation once; it may be moved to the field, or be given to
	// a claim that has none.
	const annotation = corev1.BetaStorageClassAnnotation
	class, annotated := old.Annotations[annotation]
	given := before.StorageClassName == nil && now.StorageClassName != nil && (!annotated || *now.StorageClassName == class)
	if given {
		now.StorageClassName = nil
	}
	kept, still := c.Annotations[annotation]
	if moved := given && annotated && !still; kept != class && !moved {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "annotations", annotation), kept, Immutable))
	}
	if c.Status.Phase == corev1.ClaimBound {
		if size, ok := before.Resources.Requests[corev1.ResourceStorage]; ok && now.Resources.Requests != nil {
			now.Resources.Requests[corev1.ResourceStorage] = size
		}
		if now.VolumeAttributesClassName != nil {
			now.VolumeAttributesClassName = before.VolumeAttributesClassName
		}
	}
	if !equality.Semantic.DeepEqual(now, before) {
		errs = append(errs, field.Forbidden(path, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"+difference(before, now)))
	}
	size, oldSize := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if had := old.Status.Capacity[corev1.ResourceStorage]; size.Cmp(oldSize) < 0 && size.Cmp(had) <= 0 {
		errs = append(errs, field.Forbidden(path.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(c.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if n := c.Spec.VolumeAttributesClassName; !ptr.Equal(n, old.Spec.VolumeAttributesClassName) && old.Status.CurrentVolumeAttributesClassName != nil {
		at := path.Child("volumeAttributesClassName")
		if n == nil {
			errs = append(errs, field.Forbidden(at, "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"))
		} else if *n == "" {
			errs = append(errs, field.Forbidden(at, "update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil"))
		}
	}
	return errs
}

func validateClaimStatus(c, _ *corev1.PersistentVolumeClaim) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	if c.ResourceVersion == "" {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	if len(c.Spec.AccessModes) == 0 {
		errs = append(errs, field.Required(field.NewPath("Spec", "accessModes"), ""))
	}
	for _, name := range sorted(c.Status.Capacity) {
		errs = append(errs, notNegativeResource(c.Status.Capacity, name, path.Child("capacity"))...)
	}
	at := path.Child("allocatedResourceStatuses")
	for name, status := range c.Status.AllocatedResourceStatuses {
		errs = append(errs, claimResource(name, at)...)
		if !slices.Contains(resizeStatuses, status) {
			errs = append(errs, field.NotSupported(at, name, resizeStatuses))
		}
	}
	at = path.Child("allocatedResources")
	for _, name := range sorted(c.Status.AllocatedResources) {
		wrong := claimResource(name, at)
		if len(wrong) == 0 {
			wrong = notNegativeResource(c.Status.AllocatedResources, name, at)
		}
		errs = append(errs, wrong...)
	}
	return errs
}

var resizeStatuses = []corev1.ClaimResourceStatus{
	corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeInfeasible,
	corev1.PersistentVolumeClaimNodeResizeInProgress, corev1.PersistentVolumeClaimNodeResizeInfeasible, corev1.PersistentVolumeClaimNodeResizePending,
}

// claimResource takes storage alone of the resources that are Kubernetes' own.
func claimResource(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := qualifiedName(path, string(name))
	if len(errs) == 0 && isNative(name) && name != corev1.ResourceStorage {
		errs = append(errs, field.NotSupported(path, name, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	return errs
}

func notNegativeResource(list corev1.ResourceList, name corev1.ResourceName, path *field.Path) field.ErrorList {
	if q := list[name]; q.Value() < 0 {
		return field.ErrorList{field.Invalid(path.Key(string(name)), q.Value(), "must be a valid resource quantity")}
	}
	return nil
}

package storage

import (
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/core"
)

// Limits of Kubernetes on what drivers say.
const (
	maxParameters     = 512
	maxParametersSize = 256 << 10
	maxMetadataSize   = 256 << 10
	maxMessageSize    = 1024
)

func validateStorageClass(c *storagev1.StorageClass) field.ErrorList {
	errs := provisioner(c.Provisioner, field.NewPath("provisioner"))
	errs = append(errs, parameters(c.Parameters, field.NewPath("parameters"))...)
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
	return append(errs, topologies(c.AllowedTopologies, field.NewPath("allowedTopologies"))...)
}

func provisioner(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, name)}
	}
	var errs field.ErrorList
	for _, msg := range validation.IsQualifiedName(strings.ToLower(name)) {
		errs = append(errs, field.Invalid(path, strings.ToLower(name), msg))
	}
	return errs
}

func parameters(all map[string]string, path *field.Path) field.ErrorList {
	if len(all) > maxParameters {
		return field.ErrorList{field.TooLong(path, "", maxParameters)}
	}
	var errs field.ErrorList
	if _, ok := all[""]; ok {
		errs = append(errs, field.Invalid(path, "", "field can not be empty."))
	}
	if size(all) > maxParametersSize {
		errs = append(errs, field.TooLong(path, "", maxParametersSize))
	}
	return errs
}

func size(all map[string]string) int {
	n := 0
	for key, value := range all {
		n += len(key) + len(value)
	}
	return n
}

// topologies are places of volumes, each listed once.
func topologies(terms []corev1.TopologySelectorTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var before []map[string]sets.Set[string]
	for i, term := range terms {
		at := path.Index(i).Child("matchLabelExpressions")
		values := map[string]sets.Set[string]{}
		for j, r := range term.MatchLabelExpressions {
			errs = append(errs, topologyValues(r, at.Index(j))...)
			if _, twice := values[r.Key]; twice {
				errs = append(errs, field.Duplicate(at.Index(j).Child("key"), r.Key))
			}
			values[r.Key] = sets.New(r.Values...)
		}
		same := func(other map[string]sets.Set[string]) bool {
			return maps.EqualFunc(values, other, sets.Set[string].Equal)
		}
		// Kubernetes compares with an empty term, too.
		if len(values) == 0 || slices.ContainsFunc(before, same) {
			errs = append(errs, field.Duplicate(at, ""))
		}
		before = append(before, values)
	}
	return errs
}

func topologyValues(r corev1.TopologySelectorLabelRequirement, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("values")
	if len(r.Values) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	seen := sets.New[string]()
	for i, value := range r.Values {
		if seen.Has(value) {
			errs = append(errs, field.Duplicate(at.Index(i), value))
		}
		seen.Insert(value)
	}
	return append(errs, metavalidation.ValidateLabelName(r.Key, path.Child("key"))...)
}

func validateStorageClassUpdate(c, old *storagev1.StorageClass) field.ErrorList {
	errs := validateStorageClass(c)
	errs = append(errs, api.Immutable(c.Parameters, old.Parameters, field.NewPath("parameters"))...)
	errs = append(errs, api.Immutable(c.Provisioner, old.Provisioner, field.NewPath("provisioner"))...)
	errs = append(errs, api.Immutable(c.ReclaimPolicy, old.ReclaimPolicy, field.NewPath("reclaimPolicy"))...)
	return append(errs, api.Immutable(c.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
}

func forbid(now, before any, name string) field.ErrorList {
	if equality.Semantic.DeepEqual(now, before) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath(name), "updates to "+name+" are forbidden.")}
}

func validateAttributesClass(c *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := provisioner(c.DriverName, field.NewPath("driverName"))
	at := field.NewPath("parameters")
	errs = append(errs, parameters(c.Parameters, at)...)
	if len(c.Parameters) == 0 {
		errs = append(errs, field.Required(at, "must contain at least one key/value pair"))
	}
	return errs
}

func validateAttributesClassUpdate(c, old *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := forbid(c.DriverName, old.DriverName, "driverName")
	errs = append(errs, forbid(c.Parameters, old.Parameters, "parameters")...)
	return append(errs, validateAttributesClass(c)...)
}

// validateVolumeAttachment is about a new one. The names of drivers and volumes
// of older ones need not be mended.
func validateVolumeAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	errs := attachment(a)
	errs = append(errs, attacher(a.Spec.Attacher, field.NewPath("spec", "attacher"))...)
	if name := a.Spec.Source.PersistentVolumeName; name != nil {
		for _, msg := range validation.IsDNS1123Subdomain(*name) {
			errs = append(errs, field.Invalid(field.NewPath("spec", "source", "persistentVolumeName"), *name, msg))
		}
	}
	return errs
}

// maxDriverName is the length of a CSI driver's name, in characters.
const maxDriverName = 63

// attacher checks the name of a driver that is there.
func attacher(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLongCharacters(path, name, maxDriverName))
	}
	for _, msg := range content.IsDNS1123SubdomainCaseless(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

func attachment(a *storagev1.VolumeAttachment) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if a.Spec.Attacher == "" {
		errs = append(errs, field.Required(path.Child("attacher"), ""))
	}
	source, at := &a.Spec.Source, path.Child("source")
	const exactlyOne = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
	switch {
	case source.InlineVolumeSpec == nil && source.PersistentVolumeName == nil:
		errs = append(errs, field.Required(at, exactlyOne))
	case source.InlineVolumeSpec != nil && source.PersistentVolumeName != nil:
		errs = append(errs, field.Forbidden(at, exactlyOne))
	case source.InlineVolumeSpec != nil:
		errs = append(errs, core.ValidatePersistentVolumeSpec(source.InlineVolumeSpec, nil, "", true, at.Child("inlineVolumeSpec"))...)
	case *source.PersistentVolumeName == "":
		errs = append(errs, field.Required(at.Child("persistentVolumeName"), "must specify non empty persistentVolumeName"))
	}
	for _, msg := range validation.IsDNS1123Subdomain(a.Spec.NodeName) {
		errs = append(errs, field.Invalid(path.Child("nodeName"), a.Spec.NodeName, msg))
	}
	at = field.NewPath("status")
	if size(a.Status.AttachmentMetadata) > maxMetadataSize {
		errs = append(errs, field.TooLong(at.Child("attachmentMetadata"), "", maxMetadataSize))
	}
	errs = append(errs, volumeError(a.Status.AttachError, at.Child("attachError"))...)
	return append(errs, volumeError(a.Status.DetachError, at.Child("detachError"))...)
}

func volumeError(e *storagev1.VolumeError, path *field.Path) field.ErrorList {
	if e == nil {
		return nil
	}
	var errs field.ErrorList
	if len(e.Message) > maxMessageSize {
		errs = append(errs, field.TooLong(path.Child("message"), "", maxMetadataSize))
	}
	if e.ErrorCode != nil && *e.ErrorCode < 0 {
		errs = append(errs, field.Invalid(path.Child("errorCode"), *e.ErrorCode, validation.InclusiveRangeError(0, math.MaxInt32)))
	}
	return errs
}

func validateVolumeAttachmentUpdate(a, old *storagev1.VolumeAttachment) field.ErrorList {
	return append(attachment(a), api.Immutable(a.Spec, old.Spec, field.NewPath("spec"))...)
}

package storage

import (
	"fmt"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

const (
	// maxNodeID bounds what a driver calls a node.
	maxNodeID = 256
	// minUpdatePeriod is in seconds, as are the bounds of a token's life.
	minUpdatePeriod = 10
	minTokenLife    = 600
	maxTokenLife    = 1 << 32
)

func validateCSINode(n *storagev1.CSINode) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range n.Spec.Drivers {
		d, at := &n.Spec.Drivers[i], field.NewPath("spec", "drivers").Index(i)
		errs = append(errs, core.CSIDriverName(at.Child("name"), d.Name)...)
		if d.NodeID == "" {
			errs = append(errs, field.Required(at.Child("nodeID"), d.NodeID))
		}
		if len(d.NodeID) > maxNodeID {
			errs = append(errs, field.Invalid(at.Child("nodeID"), d.NodeID, fmt.Sprintf("must be %d characters or less", maxNodeID)))
		}
		if a := d.Allocatable; a != nil && a.Count != nil {
			errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*a.Count), at.Child("allocatable", "count"))...)
		}
		if names[d.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
		}
		names[d.Name] = true
		errs = append(errs, topologyKeys(d.TopologyKeys, at)...)
	}
	return errs
}

// topologyKeys names the driver in its errors, as Kubernetes does.
func topologyKeys(keys []string, driver *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, key := range keys {
		if key == "" {
			errs = append(errs, field.Required(driver, key))
		}
		if slices.Contains(keys[:i], key) {
			errs = append(errs, field.Duplicate(driver, key))
		}
		for _, msg := range validation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(driver, key, msg))
		}
	}
	return errs
}

// validateCSINodeUpdate: of a driver that is there only what it can take may
// change.
func validateCSINodeUpdate(n, old *storagev1.CSINode) field.ErrorList {
	errs := validateCSINode(n)
	for _, was := range old.Spec.Drivers {
		for _, d := range n.Spec.Drivers {
			if was.Name == d.Name {
				d.Allocatable, was.Allocatable = nil, nil
				errs = append(errs, apivalidation.ValidateImmutableField(d, was, field.NewPath("spec", "drivers"))...)
			}
		}
	}
	return errs
}

func validateCSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	s, path := &d.Spec, field.NewPath("spec")
	var errs field.ErrorList
	required := func(name string, missing bool) {
		if missing {
			errs = append(errs, field.Required(path.Child(name), ""))
		}
	}
	required("attachedRequired", s.AttachRequired == nil)
	required("podInfoOnMount", s.PodInfoOnMount == nil)
	required("storageCapacity", s.StorageCapacity == nil)
	policies := []storagev1.FSGroupPolicy{storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy}
	if p := s.FSGroupPolicy; p != nil && !slices.Contains(policies, *p) {
		errs = append(errs, field.NotSupported(path.Child("fsGroupPolicy"), *p, policies))
	}
	errs = append(errs, tokenRequests(s.TokenRequests, path.Child("tokenRequests"))...)
	if in := s.ServiceAccountTokenInSecrets; in != nil && len(s.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(path.Child("serviceAccountTokenInSecrets"), *in, "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))
	}
	modes := []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral}
	for _, m := range s.VolumeLifecycleModes {
		if !slices.Contains(modes, m) {
			errs = append(errs, field.NotSupported(path.Child("volumeLifecycleModes"), m, modes))
		}
	}
	required("seLinuxMount", s.SELinuxMount == nil)
	if p := s.NodeAllocatableUpdatePeriodSeconds; p != nil && *p < minUpdatePeriod {
		errs = append(errs, field.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), *p, fmt.Sprintf("must be greater than or equal to %d seconds", minUpdatePeriod)))
	}
	return errs
}

func tokenRequests(requests []storagev1.TokenRequest, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	audiences := map[string]bool{}
	for i, r := range requests {
		if audiences[r.Audience] {
			errs = append(errs, field.Duplicate(path.Index(i).Child("audience"), r.Audience))
			continue
		}
		audiences[r.Audience] = true
		at, life := path.Index(i).Child("expirationSeconds"), r.ExpirationSeconds
		if life != nil && *life < minTokenLife {
			errs = append(errs, field.Invalid(at, *life, "may not specify a duration less than 10 minutes"))
		}
		if life != nil && *life > maxTokenLife {
			errs = append(errs, field.Invalid(at, *life, "may not specify a duration larger than 2^32 seconds"))
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

func validateCapacity(c *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := metavalidation.ValidateLabelSelector(c.NodeTopology, metavalidation.LabelSelectorValidationOptions{}, field.NewPath("nodeTopology"))
	for _, msg := range validation.IsDNS1123Subdomain(c.StorageClassName) {
		errs = append(errs, field.Invalid(field.NewPath("storageClassName"), c.StorageClassName, msg))
	}
	if q := c.Capacity; q != nil && q.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity"), q.String(), apivalidation.IsNegativeErrorMsg))
	}
	return errs
}

// validateCapacityUpdate keeps what the driver was asked about.
func validateCapacityUpdate(c, old *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(c.NodeTopology, old.NodeTopology, field.NewPath("nodeTopology"))
	return append(errs, apivalidation.ValidateImmutableField(c.StorageClassName, old.StorageClassName, field.NewPath("storageClassName"))...)
}

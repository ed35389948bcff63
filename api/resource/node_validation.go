package resource

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// skipped checks what a driver need not be called for on nodes (KEP-5945).
func skipped(all []resourcev1.SkipNodeOperation, path *field.Path) field.ErrorList {
	known := []resourcev1.SkipNodeOperation{resourcev1.SkipNodeOperationAll, resourcev1.SkipNodeOperationNodePrepareResources, resourcev1.SkipNodeOperationNodeUnprepareResources}
	errs := distinct(all, -1, func(o *resourcev1.SkipNodeOperation, at *field.Path) field.ErrorList {
		if slices.Contains(known, *o) {
			return nil
		}
		return field.ErrorList{field.NotSupported(at, *o, known)}
	}, func(o *resourcev1.SkipNodeOperation) resourcev1.SkipNodeOperation { return *o }, path)
	has := func(o resourcev1.SkipNodeOperation) bool { return slices.Contains(all, o) }
	if has(resourcev1.SkipNodeOperationNodePrepareResources) && !has(resourcev1.SkipNodeOperationNodeUnprepareResources) && !has(resourcev1.SkipNodeOperationAll) {
		errs = append(errs, field.Invalid(path, all, "NodePrepareResources cannot be skipped unless NodeUnprepareResources is also skipped"))
	}
	return errs
}

// partitionType checks that each device which consumes counters has the
// attribute that tells what kind of partition it is.
func partitionType(s *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	if s.PartitionTypeAttribute == nil {
		return nil
	}
	name, at := string(*s.PartitionTypeAttribute), path.Child("partitionTypeAttribute")
	errs := fullyQualifiedName(s.PartitionTypeAttribute, at)
	if !slices.ContainsFunc(s.Devices, func(d resourcev1.Device) bool { return len(d.ConsumesCounters) > 0 }) {
		return append(errs, field.Invalid(at, name, "may only be set on a slice which declares devices that consume counters"))
	}
	if len(errs) > 0 {
		return errs
	}
	bare := strings.TrimPrefix(name, s.Driver+"/") // attributes are of the driver's domain unless they name one
	for i := range s.Devices {
		d := &s.Devices[i]
		if len(d.ConsumesCounters) == 0 {
			continue
		}
		a, ok := d.Attributes[resourcev1.QualifiedName(name)]
		if !ok {
			a, ok = d.Attributes[resourcev1.QualifiedName(bare)]
		}
		where := path.Child("devices").Index(i).Child("attributes").Key(name)
		switch {
		case !ok:
			errs = append(errs, field.Required(where, "device consumes counters and `partitionTypeAttribute` names this attribute, so it must be set"))
		case a.StringValue == nil:
			errs = append(errs, field.Invalid(where, a, "must be a string value because `partitionTypeAttribute` names this attribute"))
		}
	}
	return errs
}

// allocatable checks what a device takes of its node's resources (KEP-5517).
func allocatable(d *resourcev1.Device, path *field.Path) field.ErrorList {
	return keyed(d.NodeAllocatableResources, -1, longestKey, nodeResource, func(r *resourcev1.NodeAllocatableResource, at *field.Path) field.ErrorList {
		if r.Mapping == nil && r.Overhead == nil {
			return field.ErrorList{field.Required(at, "at least one of mapping or overhead must be set")}
		}
		errs := mapping(r.Mapping, d.Capacity, at.Child("mapping"))
		return append(errs, overhead(r.Overhead, at.Child("overhead"))...)
	}, path)
}

func nodeResource(name string, path *field.Path) field.ErrorList {
	switch corev1.ResourceName(name) {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return nil
	}
	if strings.HasPrefix(name, corev1.ResourceHugePagesPrefix) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be a node allocatable resource name")}
}

func mapping(m *resourcev1.NodeAllocatableMapping, capacity map[resourcev1.QualifiedName]resourcev1.DeviceCapacity, path *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	var errs field.ErrorList
	key, factor := path.Child("capacityKey"), path.Child("capacityMultiplier")
	if m.CapacityKey != nil {
		_, known := capacity[*m.CapacityKey]
		switch {
		case *m.CapacityKey == "":
			errs = append(errs, field.Invalid(key, "", "capacityKey must not be an empty string"))
		case !known:
			errs = append(errs, field.NotFound(key, *m.CapacityKey))
		}
		switch {
		case m.CapacityMultiplier == nil:
			errs = append(errs, field.Required(factor, "capacityMultiplier is required when capacityKey is set"))
		case m.CapacityMultiplier.Sign() <= 0:
			errs = append(errs, field.Invalid(factor, m.CapacityMultiplier.String(), "must be positive"))
		}
	}
	if m.DeviceMultiplier != nil && m.DeviceMultiplier.Sign() <= 0 {
		errs = append(errs, field.Invalid(path.Child("deviceMultiplier"), m.DeviceMultiplier.String(), "must be positive"))
	}
	if m.CapacityMultiplier != nil && m.CapacityKey == nil {
		errs = append(errs, field.Required(key, "capacityKey is required when capacityMultiplier is set"))
	}
	return errs
}

func overhead(o *resourcev1.NodeAllocatableOverhead, path *field.Path) field.ErrorList {
	if o == nil {
		return nil
	}
	if o.PerPod == nil && o.PerContainer == nil {
		return field.ErrorList{field.Invalid(path, "", "at least one of perPod or perContainer must be set")}
	}
	var errs field.ErrorList
	if o.PerPod != nil && o.PerPod.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("perPod"), o.PerPod.String(), "must be non-negative"))
	}
	if o.PerContainer != nil && o.PerContainer.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("perContainer"), o.PerContainer.String(), "must be non-negative"))
	}
	return errs
}

package resource

import (
	"fmt"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// device is given the device as it was, and whether each says where it is.
func (f features) device(d, old *resourcev1.Device, each bool, path *field.Path) field.ErrorList {
	errs := label(d.Name, path.Child("name"))
	if n := len(d.Attributes) + len(d.Capacity); n > resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice {
		errs = append(errs, field.Invalid(path, n, fmt.Sprintf("the total number of attributes and capacities must not exceed %d", resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice)))
	}
	if n := values(d); n > resourcev1.ResourceSliceMaxAttributeValuesPerDevice {
		errs = append(errs, field.Invalid(path, n, fmt.Sprintf("the total number of attribute values must not exceed %d", resourcev1.ResourceSliceMaxAttributeValuesPerDevice)))
	}
	errs = append(errs, keyed(d.Attributes, -1, longestKey, qualifiedName, attribute, path.Child("attributes"))...)
	shared := d.AllowMultipleAllocations != nil && *d.AllowMultipleAllocations
	errs = append(errs, keyed(d.Capacity, -1, longestKey, qualifiedName, func(c *resourcev1.DeviceCapacity, at *field.Path) field.ErrorList {
		return f.capacity(c, shared, at.Child("requestPolicy"))
	}, path.Child("capacity"))...)
	if old == nil || !equality.Semantic.DeepEqual(old.Taints, d.Taints) {
		errs = append(errs, limited(d.Taints, resourcev1.DeviceTaintsMaxLength, taint, path.Child("taints"))...)
	}
	errs = append(errs, distinct(d.ConsumesCounters, resourcev1.ResourceSliceMaxDeviceCounterConsumptionsPerDevice, func(c *resourcev1.DeviceCounterConsumption, at *field.Path) field.ErrorList {
		errs := counters(c.CounterSet, c.Counters, resourcev1.ResourceSliceMaxCountersPerDeviceCounterConsumption, at, at.Child("counterSet"))
		name := func(s *string, at *field.Path) field.ErrorList { return label(*s, at) }
		return append(errs, distinct(c.CompatibilityGroups, resourcev1.DeviceCompatibilityGroupsMaxSize, name, itself, at.Child("compatibilityGroups"))...)
	}, func(c *resourcev1.DeviceCounterConsumption) string { return c.CounterSet }, path.Child("consumesCounters"))...)
	switch {
	case each:
		errs = append(errs, deviceNodes(d, path)...)
	case d.NodeName != nil || d.NodeSelector != nil || d.AllNodes != nil:
		errs = append(errs, field.Invalid(path, nil, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"))
	}
	errs = append(errs, bindingConditions(d.BindingConditions, d.BindingFailureConditions, path)...)
	return append(errs, allocatable(d, path.Child("nodeAllocatableResources"))...)
}

func deviceNodes(d *resourcev1.Device, path *field.Path) field.ErrorList {
	const one = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
	var errs field.ErrorList
	var answers []string
	if n := d.NodeName; n != nil {
		if *n == "" {
			errs = append(errs, field.Invalid(path.Child("nodeName"), *n, "must not be empty"))
		} else {
			answers = append(answers, "`nodeName`")
			errs = append(errs, messages(path.Child("nodeName"), *n, validation.IsDNS1123Subdomain)...)
		}
	}
	if d.NodeSelector != nil {
		answers = append(answers, "`nodeSelector`")
		errs = append(errs, core.ValidateNodeSelector(d.NodeSelector, false, path.Child("nodeSelector"))...)
	}
	if d.AllNodes != nil {
		if *d.AllNodes {
			answers = append(answers, "`allNodes`")
		} else {
			errs = append(errs, field.Invalid(path.Child("allNodes"), false, "must be either unset or set to true"))
		}
	}
	switch len(answers) {
	case 0:
		errs = append(errs, field.Required(path, one))
	case 1:
	default:
		errs = append(errs, field.Invalid(path, "{"+strings.Join(answers, ", ")+"}", one))
	}
	return errs
}

// counters is about a set of them and about what a device takes of one.
func counters(set string, all map[string]resourcev1.Counter, most int, path, name *field.Path) field.ErrorList {
	var errs field.ErrorList
	if set == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		errs = append(errs, label(set, name)...)
	}
	if len(all) == 0 {
		return append(errs, field.Required(path.Child("counters"), ""))
	}
	anything := func(*resourcev1.Counter, *field.Path) field.ErrorList { return nil }
	return append(errs, keyed(all, most, validation.DNS1123LabelMaxLength, label, anything, path.Child("counters"))...)
}

var effects = []resourcev1.DeviceTaintEffect{resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone}

func taint(t *resourcev1.DeviceTaint, path *field.Path) field.ErrorList {
	return changedTaint(t, nil, path)
}

// changedTaint lets an effect stay that was known when the taint was stored.
func changedTaint(t, old *resourcev1.DeviceTaint, path *field.Path) field.ErrorList {
	errs := metavalidation.ValidateLabelName(t.Key, path.Child("key"))
	if t.Value != "" {
		errs = append(errs, messages(path.Child("value"), t.Value, validation.IsValidLabelValue)...)
	}
	switch {
	case old != nil && old.Effect == t.Effect:
	case t.Effect == "":
		errs = append(errs, field.Required(path.Child("effect"), ""))
	case !slices.Contains(effects, t.Effect):
		errs = append(errs, field.NotSupported(path.Child("effect"), t.Effect, effects))
	}
	return errs
}

func toleration(t *resourcev1.DeviceToleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, metavalidation.ValidateLabelName(t.Key, path.Child("key"))...)
	}
	switch t.Operator {
	case resourcev1.DeviceTolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(path.Child("value"), t.Value, "must be empty for operator `Exists`"))
		}
	case resourcev1.DeviceTolerationOpEqual:
		errs = append(errs, messages(path.Child("value"), t.Value, validation.IsValidLabelValue)...)
	case "":
		errs = append(errs, field.Required(path.Child("operator"), ""))
	default:
		errs = append(errs, field.NotSupported(path.Child("operator"), t.Operator,
			[]resourcev1.DeviceTolerationOperator{resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists}))
	}
	if t.Effect != "" && !slices.Contains(effects, t.Effect) {
		errs = append(errs, field.NotSupported(path.Child("effect"), t.Effect, effects))
	}
	return errs
}

// bindingConditions come both or not at all, and no condition is of both.
func bindingConditions(met, failed []string, path *field.Path) field.ErrorList {
	name := func(s *string, at *field.Path) field.ErrorList { return metavalidation.ValidateLabelName(*s, at) }
	meets, fails := path.Child("bindingConditions"), path.Child("bindingFailureConditions")
	errs := distinct(met, resourcev1.BindingConditionsMaxSize, name, itself, meets)
	errs = append(errs, distinct(failed, resourcev1.BindingFailureConditionsMaxSize, name, itself, fails)...)
	for i, c := range failed {
		if slices.Contains(met, c) {
			errs = append(errs, field.Invalid(fails.Index(i), c, "bindingFailureConditions must not overlap with bindingConditions"))
		}
	}
	switch {
	case len(met) == 0 && len(failed) > 0:
		errs = append(errs, field.Invalid(meets, met, "bindingConditions are required to use bindingFailureConditions"))
	case len(failed) == 0 && len(met) > 0:
		errs = append(errs, field.Invalid(fails, failed, "bindingFailureConditions are required to use bindingConditions"))
	}
	return errs
}

package resource

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func (f features) validateClass(c *resourcev1.DeviceClass) field.ErrorList {
	return f.class(c, fresh, fresh)
}

// validateClassUpdate checks anew what has changed, be it only in its order.
func (f features) validateClassUpdate(c, old *resourcev1.DeviceClass) field.ErrorList {
	selectors, config := fresh, fresh
	if equality.Semantic.DeepEqual(c.Spec.Selectors, old.Spec.Selectors) {
		selectors = stored
	}
	if equality.Semantic.DeepEqual(c.Spec.Config, old.Spec.Config) {
		config = stored
	}
	return f.class(c, selectors, config)
}

func (f features) class(c *resourcev1.DeviceClass, selectors, config age) field.ErrorList {
	spec := field.NewPath("spec")
	errs := f.selectors(c.Spec.Selectors, selectors, spec.Child("selectors"))
	errs = append(errs, limited(c.Spec.Config, resourcev1.DeviceConfigMaxSize, func(d *resourcev1.DeviceClassConfiguration, at *field.Path) field.ErrorList {
		return configuration(&d.DeviceConfiguration, config, at)
	}, spec.Child("config"))...)
	if name := c.Spec.ExtendedResourceName; name != nil && !core.IsExtendedResource(*name) {
		errs = append(errs, field.Invalid(spec.Child("extendedResourceName"), *name, "must be a valid extended resource name"))
	}
	return errs
}

func (f features) validateSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	return f.sliceSpec(&s.Spec, nil)
}

func (f features) validateSliceUpdate(s, old *resourcev1.ResourceSlice) field.ErrorList {
	return f.sliceSpec(&s.Spec, &old.Spec)
}

func (f features) sliceSpec(s, old *resourcev1.ResourceSliceSpec) field.ErrorList {
	path := field.NewPath("spec")
	errs := driverName(s.Driver, path.Child("driver"))
	at := path.Child("pool")
	errs = append(errs, poolName(s.Pool.Name, at.Child("name"))...)
	if n := s.Pool.ResourceSliceCount; n <= 0 {
		errs = append(errs, field.Invalid(at.Child("resourceSliceCount"), n, "must be greater than zero"))
	}
	if n := s.Pool.Generation; n < 0 {
		errs = append(errs, field.Invalid(at.Child("generation"), n, "must be greater than or equal to zero"))
	}
	before := map[string]*resourcev1.Device{}
	if old != nil {
		errs = append(errs, apivalidation.ValidateImmutableField(s.Pool.Name, old.Pool.Name, at.Child("name"))...)
		errs = append(errs, apivalidation.ValidateImmutableField(s.Driver, old.Driver, path.Child("driver"))...)
		errs = append(errs, apivalidation.ValidateImmutableField(s.NodeName, old.NodeName, path.Child("nodeName"))...)
		for i := range old.Devices {
			before[old.Devices[i].Name] = &old.Devices[i]
		}
	}
	errs = append(errs, sliceNodes(s, path)...)
	if s.SharedCounters != nil && s.Devices != nil {
		errs = append(errs, field.Invalid(path, "", "only one of `sharedCounters` or `devices` is allowed"))
	}
	each := s.PerDeviceNodeSelection != nil && *s.PerDeviceNodeSelection
	errs = append(errs, distinct(s.Devices, mostDevices(s), func(d *resourcev1.Device, at *field.Path) field.ErrorList {
		return f.device(d, before[d.Name], each, at)
	}, func(d *resourcev1.Device) string { return d.Name }, path.Child("devices"))...)
	errs = append(errs, distinct(s.SharedCounters, resourcev1.ResourceSliceMaxCounterSets, func(c *resourcev1.CounterSet, at *field.Path) field.ErrorList {
		return counters(c.Name, c.Counters, resourcev1.ResourceSliceMaxCountersPerCounterSet, at, at.Child("name"))
	}, func(c *resourcev1.CounterSet) string { return c.Name }, path.Child("sharedCounters"))...)
	errs = append(errs, partitionType(s, path)...)
	return append(errs, skipped(s.SkipNodeOperations, path.Child("skipNodeOperations"))...)
}

// mostDevices are fewer where devices say more.
func mostDevices(s *resourcev1.ResourceSliceSpec) int {
	for i := range s.Devices {
		if d := &s.Devices[i]; len(d.Taints)+len(d.ConsumesCounters) > 0 || lists(d) {
			return resourcev1.ResourceSliceMaxDevicesWithAdvancedFeatures
		}
	}
	return resourcev1.ResourceSliceMaxDevices
}

// sliceNodes wants exactly one answer to where the devices are.
func sliceNodes(s *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	var errs field.ErrorList
	var answers []string
	if n := s.NodeName; n != nil {
		if *n == "" {
			errs = append(errs, field.Invalid(path.Child("nodeName"), *n, "must be either unset or set to a non-empty string"))
		} else {
			answers = append(answers, "`nodeName`")
			errs = append(errs, messages(path.Child("nodeName"), *n, validation.IsDNS1123Subdomain)...)
		}
	}
	if n := s.NodeSelector; n != nil {
		answers = append(answers, "`nodeSelector`")
		errs = append(errs, core.ValidateNodeSelector(n, false, path.Child("nodeSelector"))...)
		if len(n.NodeSelectorTerms) != 1 {
			errs = append(errs, field.Invalid(path.Child("nodeSelector", "nodeSelectorTerms"), n.NodeSelectorTerms, "must have exactly one node selector term"))
		}
	}
	for _, flag := range []struct {
		name string
		on   *bool
	}{{"allNodes", s.AllNodes}, {"perDeviceNodeSelection", s.PerDeviceNodeSelection}} {
		switch {
		case flag.on == nil:
		case *flag.on:
			answers = append(answers, "`"+flag.name+"`")
		default:
			errs = append(errs, field.Invalid(path.Child(flag.name), false, "must be either unset or set to true"))
		}
	}
	switch len(answers) {
	case 0:
		errs = append(errs, field.Required(path, one))
	case 1:
	default:
		errs = append(errs, field.Invalid(path, "{"+strings.Join(answers, ", ")+"}", one+", but multiple fields are set"))
	}
	return errs
}

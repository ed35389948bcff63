package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateClass(c *resourcev1.DeviceClass) field.ErrorList {
	spec := field.NewPath("spec")
	errs := tooMany(len(c.Spec.Selectors), resourcev1.DeviceSelectorsMaxSize, spec.Child("selectors"))
	for i, s := range c.Spec.Selectors {
		at := spec.Child("selectors").Index(i).Child("cel")
		switch {
		case s.CEL == nil:
			errs = append(errs, field.Required(at, ""))
		case s.CEL.Expression == "":
			errs = append(errs, field.Required(at.Child("expression"), ""))
		case len(s.CEL.Expression) > resourcev1.CELSelectorExpressionMaxLength:
			errs = append(errs, field.TooLong(at.Child("expression"), "", resourcev1.CELSelectorExpressionMaxLength))
		}
	}
	errs = append(errs, tooMany(len(c.Spec.Config), resourcev1.DeviceConfigMaxSize, spec.Child("config"))...)
	for i, config := range c.Spec.Config {
		at := spec.Child("config").Index(i).Child("opaque")
		if config.Opaque == nil {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		errs = append(errs, validateDriver(config.Opaque.Driver, at.Child("driver"))...)
		if len(config.Opaque.Parameters.Raw) > resourcev1.OpaqueParametersMaxLength {
			errs = append(errs, field.TooLong(at.Child("parameters"), "", resourcev1.OpaqueParametersMaxLength))
		}
	}
	return errs
}

func validateSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateDriver(s.Spec.Driver, spec.Child("driver"))
	pool := spec.Child("pool")
	if s.Spec.Pool.Name == "" {
		errs = append(errs, field.Required(pool.Child("name"), ""))
	}
	if n := s.Spec.Pool.ResourceSliceCount; n <= 0 {
		errs = append(errs, field.Invalid(pool.Child("resourceSliceCount"), n, "must be greater than zero"))
	}
	if n := s.Spec.Pool.Generation; n < 0 {
		errs = append(errs, field.Invalid(pool.Child("generation"), n, "must be greater than or equal to zero"))
	}
	errs = append(errs, validateNodes(&s.Spec, spec)...)
	errs = append(errs, tooMany(len(s.Spec.Devices), resourcev1.ResourceSliceMaxDevices, spec.Child("devices"))...)
	errs = append(errs, tooMany(len(s.Spec.SharedCounters), resourcev1.ResourceSliceMaxCounterSets, spec.Child("sharedCounters"))...)
	names := map[string]bool{}
	for i := range s.Spec.Devices {
		d, at := &s.Spec.Devices[i], spec.Child("devices").Index(i)
		for _, msg := range validation.IsDNS1123Label(d.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), d.Name, msg))
		}
		if names[d.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
		}
		names[d.Name] = true
		if n := len(d.Attributes) + len(d.Capacity); n > resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice {
			errs = append(errs, field.Invalid(at, n, "the total number of attributes and capacities must not exceed 32"))
		}
		errs = append(errs, tooMany(len(d.Taints), resourcev1.DeviceTaintsMaxLength, at.Child("taints"))...)
	}
	return errs
}

// validateNodes wants exactly one answer to where the devices are.
func validateNodes(s *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	const message = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	var errs field.ErrorList
	answers := 0
	if s.NodeName != nil {
		answers++
		for _, msg := range validation.IsDNS1123Subdomain(*s.NodeName) {
			errs = append(errs, field.Invalid(path.Child("nodeName"), *s.NodeName, msg))
		}
	}
	if s.NodeSelector != nil {
		answers++
		if n := len(s.NodeSelector.NodeSelectorTerms); n != 1 {
			errs = append(errs, field.Invalid(path.Child("nodeSelector", "nodeSelectorTerms"), n, "must have exactly one node selector term"))
		}
	}
	for name, on := range map[string]*bool{"allNodes": s.AllNodes, "perDeviceNodeSelection": s.PerDeviceNodeSelection} {
		if on != nil && !*on {
			errs = append(errs, field.Invalid(path.Child(name), false, "must be either unset or set to true"))
		}
		if on != nil {
			answers++
		}
	}
	switch {
	case answers == 0:
		errs = append(errs, field.Required(path, message))
	case answers > 1:
		errs = append(errs, field.Invalid(path, nil, message))
	}
	return errs
}

func validateSliceUpdate(s, old *resourcev1.ResourceSlice) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateSlice(s)
	errs = append(errs, apivalidation.ValidateImmutableField(s.Spec.Driver, old.Spec.Driver, spec.Child("driver"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(s.Spec.Pool.Name, old.Spec.Pool.Name, spec.Child("pool", "name"))...)
	return append(errs, apivalidation.ValidateImmutableField(s.Spec.NodeName, old.Spec.NodeName, spec.Child("nodeName"))...)
}

func validateDriver(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.DriverNameMaxLength))
	}
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

func tooMany(n, most int, path *field.Path) field.ErrorList {
	if n > most {
		return field.ErrorList{field.TooMany(path, n, most)}
	}
	return nil
}

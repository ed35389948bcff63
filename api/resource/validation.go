package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateClaim(c *resourcev1.ResourceClaim) field.ErrorList {
	return validateDevices(&c.Spec.Devices, field.NewPath("spec", "devices"))
}

func validateClaimUpdate(c, old *resourcev1.ResourceClaim) field.ErrorList {
	return append(validateClaim(c), apivalidation.ValidateImmutableField(c.Spec, old.Spec, field.NewPath("spec"))...)
}

func validateClaimTemplate(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
	return validateDevices(&t.Spec.Spec.Devices, field.NewPath("spec", "spec", "devices"))
}

func validateClaimTemplateUpdate(t, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
	return append(validateClaimTemplate(t), apivalidation.ValidateImmutableField(t.Spec, old.Spec, field.NewPath("spec"))...)
}

func validateDevices(d *resourcev1.DeviceClaim, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range d.Requests {
		r, at := &d.Requests[i], path.Child("requests").Index(i)
		for _, msg := range validation.IsDNS1123Label(r.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), r.Name, msg))
		}
		if names[r.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), r.Name))
		}
		names[r.Name] = true
		switch {
		case r.Exactly == nil && len(r.FirstAvailable) == 0:
			errs = append(errs, field.Required(at, "exactly one of `exactly` or `firstAvailable` is required"))
		case r.Exactly != nil && len(r.FirstAvailable) > 0:
			errs = append(errs, field.Invalid(at, nil, "exactly one of `exactly` or `firstAvailable` is required"))
		case r.Exactly != nil && r.Exactly.DeviceClassName == "":
			errs = append(errs, field.Required(at.Child("exactly", "deviceClassName"), ""))
		}
	}
	return errs
}

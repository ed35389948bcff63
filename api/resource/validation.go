package resource

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func (f features) validateClaim(c *resourcev1.ResourceClaim) field.ErrorList {
	return f.devices(&c.Spec.Devices, field.NewPath("spec", "devices"))
}

func validateClaimUpdate(c, old *resourcev1.ResourceClaim) field.ErrorList {
	return api.Immutable(c.Spec, old.Spec, field.NewPath("spec"))
}

func (f features) validateClaimTemplate(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
	path := field.NewPath("spec")
	errs := apivalidation.ValidateAnnotations(t.Spec.Annotations, path.Child("metadata", "annotations"))
	errs = append(errs, metavalidation.ValidateLabels(t.Spec.Labels, path.Child("metadata", "labels"))...)
	errs = append(errs, templateMetadata(t.Spec.ObjectMeta, path.Child("metadata"))...)
	return append(errs, f.devices(&t.Spec.Spec.Devices, path.Child("spec", "devices"))...)
}

// templateMetadata forbids in a template's metadata all but what a claim gets of
// it, labels and annotations.
func templateMetadata(meta metav1.ObjectMeta, path *field.Path) field.ErrorList {
	meta.Labels, meta.Annotations = nil, nil
	given := reflect.ValueOf(meta)
	var errs field.ErrorList
	for i := range given.NumField() {
		f := given.Type().Field(i)
		if v := given.Field(i); v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		errs = append(errs, field.Forbidden(path.Child(name), "cannot be set"))
	}
	return errs
}

func validateClaimTemplateUpdate(t, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
	return api.Immutable(t.Spec, old.Spec, field.NewPath("spec"))
}

// requestNames are the names of a claim's requests, each with those of the
// alternatives that it lists.
type requestNames map[string]sets.Set[string]

func namesOf(d *resourcev1.DeviceClaim) requestNames {
	names := requestNames{}
	for _, r := range d.Requests {
		names[r.Name] = sets.New[string]()
		for _, sub := range r.FirstAvailable {
			names[r.Name].Insert(sub.Name)
		}
	}
	return names
}

// refer checks the name of a request, or NAME/ALTERNATIVE.
func (r requestNames) refer(name *string, path *field.Path) field.ErrorList {
	unknown := field.Invalid(path, *name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'")
	parts := strings.Split(*name, "/")
	if len(parts) > 2 {
		return field.ErrorList{unknown}
	}
	var errs field.ErrorList
	for _, part := range parts {
		errs = append(errs, label(part, path)...)
	}
	alternatives, ok := r[parts[0]]
	if !ok || len(parts) == 2 && !alternatives.Has(parts[1]) {
		errs = append(errs, unknown)
	}
	return errs
}

func (f features) devices(d *resourcev1.DeviceClaim, path *field.Path) field.ErrorList {
	names, c := namesOf(d), newClaim(f, d.Constraints)
	errs := distinct(d.Requests, resourcev1.DeviceRequestsMaxSize, c.request,
		func(r *resourcev1.DeviceRequest) string { return r.Name }, path.Child("requests"))
	errs = append(errs, limited(d.Constraints, resourcev1.DeviceConstraintsMaxSize, names.constraint, path.Child("constraints"))...)
	errs = append(errs, limited(d.Config, resourcev1.DeviceConfigMaxSize, func(c *resourcev1.DeviceClaimConfiguration, at *field.Path) field.ErrorList {
		errs := distinct(c.Requests, resourcev1.DeviceRequestsMaxSize, names.refer, itself, at.Child("requests"))
		return append(errs, configuration(&c.DeviceConfiguration, fresh, at)...)
	}, path.Child("config"))...)
	return append(errs, c.affordable(path)...)
}

func (c *claim) request(r *resourcev1.DeviceRequest, path *field.Path) field.ErrorList {
	errs := label(r.Name, path.Child("name"))
	const one = "exactly one of `exactly` or `firstAvailable` is required"
	switch some := len(r.FirstAvailable) > 0; {
	case r.Exactly == nil && !some:
		errs = append(errs, field.Required(path, one))
	case r.Exactly != nil && some:
		errs = append(errs, field.Invalid(path, nil, one+", but multiple fields are set"))
	case some:
		errs = append(errs, distinct(r.FirstAvailable, resourcev1.FirstAvailableDeviceRequestMaxSize,
			func(s *resourcev1.DeviceSubRequest, at *field.Path) field.ErrorList {
				return c.alternative(s, r.Name, at)
			},
			func(s *resourcev1.DeviceSubRequest) string { return s.Name }, path.Child("firstAvailable"))...)
	default:
		e, at := r.Exactly, path.Child("exactly")
		errs = append(errs, c.wanted(e.DeviceClassName, e.Selectors, e.DerivedAttributes, r.Name, at)...)
		errs = append(errs, amount(e.AllocationMode, e.Count, e.Tolerations, at)...)
	}
	return errs
}

func (c *claim) alternative(s *resourcev1.DeviceSubRequest, of string, path *field.Path) field.ErrorList {
	errs := label(s.Name, path.Child("name"))
	errs = append(errs, c.wanted(s.DeviceClassName, s.Selectors, s.DerivedAttributes, of+"/"+s.Name, path)...)
	return append(errs, amount(s.AllocationMode, s.Count, s.Tolerations, path)...)
}

// wanted and amount are what a request and an alternative have in common.
func (c *claim) wanted(class string, selectors []resourcev1.DeviceSelector, derived []resourcev1.DeviceDerivedAttribute, request string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if class == "" {
		errs = append(errs, field.Required(path.Child("deviceClassName"), ""))
	} else {
		errs = append(errs, messages(path.Child("deviceClassName"), class, validation.IsDNS1123Subdomain)...)
	}
	errs = append(errs, c.selectors(selectors, fresh, path.Child("selectors"))...)
	return append(errs, c.derived(derived, request, path.Child("derivedAttributes"))...)
}

func amount(mode resourcev1.DeviceAllocationMode, count int64, tolerations []resourcev1.DeviceToleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch mode {
	case resourcev1.DeviceAllocationModeAll:
		if count != 0 {
			errs = append(errs, field.Invalid(path.Child("count"), count, fmt.Sprintf("must not be specified when allocationMode is '%s'", mode)))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		if count <= 0 {
			errs = append(errs, field.Invalid(path.Child("count"), count, "must be greater than zero"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("allocationMode"), mode,
			[]resourcev1.DeviceAllocationMode{resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount}))
	}
	return append(errs, limited(tolerations, -1, toleration, path.Child("tolerations"))...)
}

func (r requestNames) constraint(c *resourcev1.DeviceConstraint, path *field.Path) field.ErrorList {
	errs := distinct(c.Requests, resourcev1.DeviceRequestsMaxSize, r.refer, itself, path.Child("requests"))
	switch {
	case c.MatchAttribute != nil:
		return append(errs, fullyQualifiedName(c.MatchAttribute, path.Child("matchAttribute"))...)
	case c.DistinctAttribute != nil:
		return append(errs, fullyQualifiedName(c.DistinctAttribute, path.Child("distinctAttribute"))...)
	}
	return append(errs, field.Required(path, `exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`))
}

// configuration that is stored may be of any length, as before there was a limit.
func configuration(c *resourcev1.DeviceConfiguration, a age, path *field.Path) field.ErrorList {
	at := path.Child("opaque")
	if c.Opaque == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := opaqueDriver(c.Opaque.Driver, at.Child("driver"))
	return append(errs, object(c.Opaque.Parameters.Raw, a, resourcev1.OpaqueParametersMaxLength, at.Child("parameters"))...)
}

// object requires a JSON object.
func object(data []byte, a age, most int, path *field.Path) field.ErrorList {
	if len(data) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	if a == fresh && len(data) > most {
		return field.ErrorList{field.TooLong(path, "", most)}
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return field.ErrorList{field.Invalid(path, "<value omitted>", fmt.Sprintf("error parsing data as JSON: %v", err))}
	}
	if v == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	if _, ok := v.(map[string]any); !ok {
		return field.ErrorList{field.Invalid(path, "<value omitted>", "must be a valid JSON object")}
	}
	return nil
}

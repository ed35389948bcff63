package subresource

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkSelectors checks those of a review: each in one of two forms. An operator
// that is not known is left to the question, which then asks about more.
func checkSelectors(r *authorizationv1.ResourceAttributes, path *field.Path) (errs field.ErrorList) {
	const both = "may not specified at the same time as requirements"
	if s := r.FieldSelector; s != nil {
		at := path.Child("fieldSelector")
		if s.RawSelector != "" && len(s.Requirements) > 0 {
			errs = append(errs, field.Invalid(at.Child("rawSelector"), s.RawSelector, both))
		}
		if s.RawSelector == "" && len(s.Requirements) == 0 {
			errs = append(errs, field.Required(at.Child("requirements"), "when "+at.String()+" is specified, requirements or rawSelector is required"))
		}
		for i, q := range s.Requirements {
			errs = append(errs, metav1validation.ValidateFieldSelectorRequirement(q, metav1validation.FieldSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}, at.Child("requirements").Index(i))...)
		}
	}
	if s := r.LabelSelector; s != nil {
		at := path.Child("labelSelector")
		if s.RawSelector != "" && len(s.Requirements) > 0 {
			errs = append(errs, field.Invalid(at.Child("rawSelector"), s.RawSelector, both))
		}
		if s.RawSelector == "" && len(s.Requirements) == 0 {
			errs = append(errs, field.Required(at.Child("requirements"), "when "+at.String()+" is specified, requirements or rawSelector is required"))
		}
		for i, q := range s.Requirements {
			errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(q, metav1validation.LabelSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}, at.Child("requirements").Index(i))...)
		}
	}
	return errs
}

// fieldRequirements reads a field selector. What cannot be read or said is left
// out: the question is then about more, and its answer no less strict.
func fieldRequirements(s *authorizationv1.FieldSelectorAttributes) (out fields.Requirements, complete bool) {
	if s.RawSelector != "" {
		if parsed, err := fields.ParseSelector(s.RawSelector); err == nil {
			return parsed.Requirements(), true
		}
		return nil, false
	}
	for _, r := range s.Requirements {
		if len(r.Values) != 1 {
			continue
		}
		switch r.Operator {
		case metav1.FieldSelectorOpIn:
			out = append(out, fields.Requirement{Operator: selection.Equals, Field: r.Key, Value: r.Values[0]})
		case metav1.FieldSelectorOpNotIn:
			out = append(out, fields.Requirement{Operator: selection.NotEquals, Field: r.Key, Value: r.Values[0]})
		}
	}
	return out, len(out) == len(s.Requirements)
}

// labelRequirements reads a label selector in the same manner.
func labelRequirements(s *authorizationv1.LabelSelectorAttributes) (out labels.Requirements, complete bool) {
	if s.RawSelector != "" {
		if parsed, err := labels.Parse(s.RawSelector); err == nil {
			out, _ := parsed.Requirements()
			return out, true
		}
		return nil, false
	}
	for _, r := range s.Requirements {
		operator, ok := map[metav1.LabelSelectorOperator]selection.Operator{
			metav1.LabelSelectorOpIn: selection.In, metav1.LabelSelectorOpNotIn: selection.NotIn,
			metav1.LabelSelectorOpExists: selection.Exists, metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
		}[r.Operator]
		if !ok {
			continue
		}
		if one, err := labels.NewRequirement(r.Key, operator, r.Values); err == nil {
			out = append(out, *one)
		}
	}
	return out, len(out) == len(s.Requirements)
}

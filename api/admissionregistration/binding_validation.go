package admissionregistration

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateBinding(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	at := field.NewPath("spec")
	errs := validatePolicyName(b.Spec.PolicyName, at.Child("policyName"))
	errs = append(errs, validateParamRef(b.Spec.ParamRef, at.Child("paramRef"))...)
	errs = append(errs, validateMatch(b.Spec.MatchResources, at.Child("matchResources"))...)
	return append(errs, validateActions(b.Spec.ValidationActions, at.Child("validationActions"))...)
}

func validateMutatingBinding(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	at := field.NewPath("spec")
	errs := validatePolicyName(b.Spec.PolicyName, at.Child("policyName"))
	errs = append(errs, validateParamRef(b.Spec.ParamRef, at.Child("paramRef"))...)
	errs = append(errs, validateMatch(b.Spec.MatchResources, at.Child("matchResources"))...)
	return append(errs, validateMutable(b.Spec.MatchResources, at.Child("matchResources"))...)
}

func validatePolicyName(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	for _, problem := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(at, name, problem))
	}
	return errs
}

func validateParamRef(r *admissionregistrationv1.ParamRef, at *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	const both = "name and selector are mutually exclusive"
	var errs field.ErrorList
	if r.Name != "" {
		for _, problem := range content.IsPathSegmentName(r.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), r.Name, problem))
		}
	}
	if r.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(r.Selector, metav1validation.LabelSelectorValidationOptions{}, at.Child("selector"))...)
	}
	switch {
	case r.Name != "" && r.Selector != nil:
		errs = append(errs, field.Forbidden(at.Child("name"), both), field.Forbidden(at.Child("selector"), both))
	case r.Name == "" && r.Selector == nil:
		errs = append(errs, field.Required(at, "one of name or selector must be specified"))
	}
	actions := []admissionregistrationv1.ParameterNotFoundActionType{admissionregistrationv1.DenyAction, admissionregistrationv1.AllowAction}
	switch a := r.ParameterNotFoundAction; {
	case a == nil || *a == "":
		errs = append(errs, field.Required(at.Child("parameterNotFoundAction"), ""))
	case !slices.Contains(actions, *a):
		errs = append(errs, field.NotSupported(at.Child("parameterNotFoundAction"), *a, actions))
	}
	return errs
}

func validateActions(list []admissionregistrationv1.ValidationAction, at *field.Path) field.ErrorList {
	actions := []admissionregistrationv1.ValidationAction{admissionregistrationv1.Audit, admissionregistrationv1.Deny, admissionregistrationv1.Warn}
	if len(list) == 0 {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	seen := sets.New[admissionregistrationv1.ValidationAction]()
	for i, a := range list {
		if !slices.Contains(actions, a) {
			errs = append(errs, field.NotSupported(at.Index(i), a, actions))
		}
		if seen.Has(a) {
			errs = append(errs, field.Duplicate(at.Index(i), a))
		}
		seen.Insert(a)
	}
	if seen.HasAll(admissionregistrationv1.Deny, admissionregistrationv1.Warn) {
		errs = append(errs, field.Invalid(at, list, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	return errs
}

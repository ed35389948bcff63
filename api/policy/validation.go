package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/intorpercent"
)

func validateBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	return budgetSpec(&b.Spec, metav1validation.LabelSelectorValidationOptions{})
}

// validateBudgetUpdate lets a selector keep values that no label can have.
func validateBudgetUpdate(b, old *policyv1.PodDisruptionBudget) field.ErrorList {
	strict := metav1validation.LabelSelectorValidationOptions{}
	invalid := len(metav1validation.ValidateLabelSelector(old.Spec.Selector, strict, nil)) > 0
	return budgetSpec(&b.Spec, metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: invalid})
}

func budgetSpec(s *policyv1.PodDisruptionBudgetSpec, options metav1validation.LabelSelectorValidationOptions) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(path, s, "minAvailable and maxUnavailable cannot be both set"))
	}
	for _, amount := range []struct {
		name  string
		value *intstr.IntOrString
	}{{"minAvailable", s.MinAvailable}, {"maxUnavailable", s.MaxUnavailable}} {
		at := path.Child(amount.name)
		errs = append(errs, intorpercent.Validate(amount.value, at)...)
		errs = append(errs, intorpercent.NotMoreThanAll(amount.value, at)...)
	}
	errs = append(errs, metav1validation.ValidateLabelSelector(s.Selector, options, path.Child("selector"))...)
	if p := s.UnhealthyPodEvictionPolicy; p != nil && *p != policyv1.IfHealthyBudget && *p != policyv1.AlwaysAllow {
		errs = append(errs, field.NotSupported(path.Child("unhealthyPodEvictionPolicy"), *p,
			[]policyv1.UnhealthyPodEvictionPolicyType{policyv1.AlwaysAllow, policyv1.IfHealthyBudget}))
	}
	return errs
}

func validateBudgetStatus(b, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	path, s := field.NewPath("status"), &b.Status
	errs := metav1validation.ValidateConditions(s.Conditions, path.Child("conditions"))
	for _, c := range []struct {
		name string
		n    int32
	}{{"disruptionsAllowed", s.DisruptionsAllowed}, {"currentHealthy", s.CurrentHealthy}, {"desiredHealthy", s.DesiredHealthy}, {"expectedPods", s.ExpectedPods}} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(c.n), path.Child(c.name))...)
	}
	return errs
}

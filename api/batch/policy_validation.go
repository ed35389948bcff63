package batch

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of Kubernetes on the policies of a job.
const (
	maxRules             = 20
	maxConditionPatterns = 20
	maxExitCodes         = 255
	maxSucceededIndexes  = 64 * 1024
)

func validateFailurePolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if s.PodFailurePolicy == nil {
		return nil
	}
	names := sets.New[string]()
	for _, c := range slices.Concat(s.Template.Spec.Containers, s.Template.Spec.InitContainers) {
		names.Insert(c.Name)
	}
	var errs field.ErrorList
	at := path.Child("rules")
	if n := len(s.PodFailurePolicy.Rules); n > maxRules {
		errs = append(errs, field.TooMany(at, n, maxRules))
	}
	for i := range s.PodFailurePolicy.Rules {
		errs = append(errs, failureRule(s, &s.PodFailurePolicy.Rules[i], names, at.Index(i))...)
	}
	return errs
}

func failureRule(s *batchv1.JobSpec, r *batchv1.PodFailurePolicyRule, names sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Action == batchv1.PodFailurePolicyActionFailIndex {
		if s.BackoffLimitPerIndex == nil {
			errs = append(errs, field.Invalid(path.Child("action"), r.Action, "requires the backoffLimitPerIndex to be set"))
		}
	} else {
		errs = append(errs, choice(path.Child("action"), r.Action, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
			batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)...)
	}
	if r.OnExitCodes != nil {
		errs = append(errs, exitCodes(r.OnExitCodes, names, path.Child("onExitCodes"))...)
	}
	at := path.Child("onPodConditions")
	if n := len(r.OnPodConditions); n > maxConditionPatterns {
		errs = append(errs, field.TooMany(at, n, maxConditionPatterns))
	}
	for i, p := range r.OnPodConditions {
		for _, msg := range validation.IsQualifiedName(string(p.Type)) {
			errs = append(errs, field.Invalid(at.Index(i).Child("type"), string(p.Type), msg))
		}
		errs = append(errs, choice(at.Index(i).Child("status"), p.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
	}
	switch {
	case r.OnExitCodes != nil && len(r.OnPodConditions) > 0:
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
	case r.OnExitCodes == nil && len(r.OnPodConditions) == 0:
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
	}
	return errs
}

// choice requires one of the values, which an error about an empty one lists.
func choice[V ~string](path *field.Path, value V, values ...V) field.ErrorList {
	switch {
	case value == "":
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q", values))}
	case !slices.Contains(values, value):
		return field.ErrorList{field.NotSupported(path, value, values)}
	}
	return nil
}

func exitCodes(e *batchv1.PodFailurePolicyOnExitCodesRequirement, names sets.Set[string], path *field.Path) field.ErrorList {
	errs := choice(path.Child("operator"), e.Operator, batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	if c := e.ContainerName; c != nil && !names.Has(*c) {
		errs = append(errs, field.Invalid(path.Child("containerName"), *c, "must be one of the container or initContainer names in the pod template"))
	}
	at := path.Child("values")
	switch n := len(e.Values); {
	case n == 0:
		errs = append(errs, field.Invalid(at, e.Values, "at least one value is required"))
	case n > maxExitCodes:
		errs = append(errs, field.TooMany(at, n, maxExitCodes))
	}
	seen := sets.New[int32]()
	for i, code := range e.Values {
		if e.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && code == 0 {
			errs = append(errs, field.Invalid(at.Index(i), code, "must not be 0 for the In operator"))
		}
		if seen.Has(code) {
			errs = append(errs, field.Duplicate(at.Index(i), code))
		}
		seen.Insert(code)
	}
	if !slices.IsSorted(e.Values) {
		errs = append(errs, field.Invalid(at, e.Values, "must be ordered"))
	}
	return errs
}

func validateSuccessPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	p := s.SuccessPolicy
	if p == nil {
		return nil
	}
	if !isIndexed(s) {
		return field.ErrorList{field.Invalid(path, *p, "requires indexed completion mode")}
	}
	at := path.Child("rules")
	var errs field.ErrorList
	if len(p.Rules) == 0 {
		errs = append(errs, field.Required(at, "at least one rules must be specified when the successPolicy is specified"))
	}
	if n := len(p.Rules); n > maxRules {
		errs = append(errs, field.TooMany(at, n, maxRules))
	}
	if s.Completions == nil {
		// That is an error of its own, and nothing can be said about indexes.
		return errs
	}
	for i := range p.Rules {
		errs = append(errs, successRule(&p.Rules[i], *s.Completions, at.Index(i))...)
	}
	return errs
}

func successRule(r *batchv1.SuccessPolicyRule, completions int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.SucceededCount == nil && r.SucceededIndexes == nil {
		errs = append(errs, field.Required(path, "at least one of succeededCount or succeededIndexes must be specified"))
	}
	var total int32
	if r.SucceededIndexes != nil {
		at := path.Child("succeededIndexes")
		if len(*r.SucceededIndexes) > maxSucceededIndexes {
			errs = append(errs, field.TooLong(at, *r.SucceededIndexes, maxSucceededIndexes))
		}
		spans, err := parseIndexes(*r.SucceededIndexes, completions)
		if err != nil {
			errs = append(errs, field.Invalid(at, *r.SucceededIndexes, fmt.Sprintf("error parsing succeededIndexes: %s", err)))
		}
		total = count(spans)
	}
	n := r.SucceededCount
	if n == nil {
		return errs
	}
	at := path.Child("succeededCount")
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*n), at)...)
	if *n > completions {
		errs = append(errs, field.Invalid(at, *n, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", completions)))
	}
	if r.SucceededIndexes != nil && *n > total {
		errs = append(errs, field.Invalid(at, *n, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", total)))
	}
	return errs
}

func replacementPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	p := s.PodReplacementPolicy
	if p == nil {
		return nil
	}
	allowed := []batchv1.PodReplacementPolicy{batchv1.Failed, batchv1.TerminatingOrFailed}
	if s.PodFailurePolicy != nil {
		// Whether a pod failed in a way that counts is known when it has ended.
		allowed = allowed[:1]
	}
	if !slices.Contains(allowed, *p) {
		return field.ErrorList{field.NotSupported(path, *p, allowed)}
	}
	return nil
}

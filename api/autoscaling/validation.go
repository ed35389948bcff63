package autoscaling

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The longest stabilization window and period of a policy, in seconds.
const (
	maxWindow = 3600
	maxPeriod = 1800
)

// autoscalerCheck checks an autoscaler. Its old form, if there is one, tells
// what need not be mended: the versions of what it refers to were not looked at.
type autoscalerCheck struct {
	target, objects versionRule
}

// versionRule is what holds of the apiVersion of a reference.
type versionRule struct{ anything, noGroup bool }

func (v versionRule) check(ref autoscalingv2.CrossVersionObjectReference, path *field.Path) field.ErrorList {
	if v.anything {
		return nil
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(path, ref.APIVersion, err.Error())}
	case gv.Group == "" && !v.noGroup:
		return field.ErrorList{field.Invalid(path, ref.APIVersion, "apiVersion must specify API group")}
	}
	return nil
}

func validateAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return newCheck(h, nil).spec(&h.Spec, field.NewPath("spec"))
}

func validateAutoscalerUpdate(h, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return newCheck(h, old).spec(&h.Spec, field.NewPath("spec"))
}

func newCheck(h, old *autoscalingv2.HorizontalPodAutoscaler) *autoscalerCheck {
	c := &autoscalerCheck{objects: versionRule{noGroup: true}}
	// The only kind of the group without a name that can be scaled.
	c.target.noGroup = h.Spec.ScaleTargetRef.APIVersion == "v1" && h.Spec.ScaleTargetRef.Kind == "ReplicationController"
	if old == nil {
		return c
	}
	c.target.anything = h.Spec.ScaleTargetRef.APIVersion == old.Spec.ScaleTargetRef.APIVersion
	for _, m := range old.Spec.Metrics {
		if m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil && len(c.objects.check(m.Object.DescribedObject, nil)) > 0 {
			c.objects.anything = true
		}
	}
	return c
}

func (c *autoscalerCheck) spec(s *autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.MinReplicas != nil && *s.MinReplicas < 0 {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), *s.MinReplicas, "must be greater than or equal to 0"))
	}
	at := path.Child("maxReplicas")
	if s.MinReplicas != nil && s.MaxReplicas < *s.MinReplicas {
		errs = append(errs, field.Invalid(at, s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, reference(s.ScaleTargetRef, c.target, path.Child("scaleTargetRef"))...)
	errs = append(errs, c.metrics(s, path.Child("metrics"))...)
	if b := s.Behavior; b != nil {
		errs = append(errs, validateScaling(b.ScaleUp, path.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateScaling(b.ScaleDown, path.Child("behavior", "scaleDown"))...)
	}
	switch {
	case s.MaxReplicas == 0:
		errs = append(errs, field.Required(at, ""))
	case s.MaxReplicas < 0:
		errs = append(errs, field.Invalid(at, s.MaxReplicas, "must be greater than or equal to 1"))
	}
	return errs
}

func reference(ref autoscalingv2.CrossVersionObjectReference, version versionRule, path *field.Path) field.ErrorList {
	errs := segment(ref.Kind, "", path.Child("kind"))
	errs = append(errs, segment(ref.Name, "", path.Child("name"))...)
	return append(errs, version.check(ref, path.Child("apiVersion"))...)
}

// segment requires a value that can be a part of a path.
func segment(value, missing string, path *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, missing)}
	}
	var errs field.ErrorList
	for _, msg := range pathvalidation.IsValidPathSegmentName(value) {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

func validateScaling(r *autoscalingv2.HPAScalingRules, path *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if w := r.StabilizationWindowSeconds; w != nil {
		at := path.Child("stabilizationWindowSeconds")
		if *w < 0 {
			errs = append(errs, field.Invalid(at, *w, "must be greater than or equal to zero"))
		}
		if *w > maxWindow {
			errs = append(errs, field.Invalid(at, *w, fmt.Sprintf("must be less than or equal to %d", maxWindow)))
		}
	}
	if p := r.SelectPolicy; p != nil && *p != autoscalingv2.MaxChangePolicySelect && *p != autoscalingv2.MinChangePolicySelect && *p != autoscalingv2.DisabledPolicySelect {
		errs = append(errs, field.NotSupported(path.Child("selectPolicy"), *p,
			[]autoscalingv2.ScalingPolicySelect{autoscalingv2.DisabledPolicySelect, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect}))
	}
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(path.Child("policies"), "must specify at least one Policy"))
	}
	for i := range r.Policies {
		errs = append(errs, validatePolicy(&r.Policies[i], path.Child("policies").Index(i))...)
	}
	if t := r.Tolerance; t != nil && t.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("tolerance"), t.String(), "must be greater than or equal to 0"))
	}
	return errs
}

func validatePolicy(p *autoscalingv2.HPAScalingPolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Type != autoscalingv2.PodsScalingPolicy && p.Type != autoscalingv2.PercentScalingPolicy {
		errs = append(errs, field.NotSupported(path.Child("type"), p.Type, []autoscalingv2.HPAScalingPolicyType{autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy}))
	}
	if p.Value <= 0 {
		errs = append(errs, field.Invalid(path.Child("value"), p.Value, "must be greater than zero"))
	}
	if p.PeriodSeconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), p.PeriodSeconds, "must be greater than zero"))
	}
	if p.PeriodSeconds > maxPeriod {
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), p.PeriodSeconds, fmt.Sprintf("must be less than or equal to %d", maxPeriod)))
	}
	return errs
}

func validateAutoscalerStatus(h, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	path := field.NewPath("status")
	errs := apivalidation.ValidateNonnegativeField(int64(h.Status.CurrentReplicas), path.Child("currentReplicas"))
	return append(errs, apivalidation.ValidateNonnegativeField(int64(h.Status.DesiredReplicas), path.Child("desiredReplicas"))...)
}

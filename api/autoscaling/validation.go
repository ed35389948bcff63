package autoscaling

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxWindow is the longest stabilization window, in seconds.
const (
	maxWindow = 3600
	maxPeriod = 1800
)

func validateAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	s, at := &h.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if s.MinReplicas != nil && *s.MinReplicas < 1 {
		errs = append(errs, field.Invalid(at.Child("minReplicas"), *s.MinReplicas, "must be greater than or equal to 1"))
	}
	if s.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(at.Child("maxReplicas"), s.MaxReplicas, "must be greater than 0"))
	}
	if s.MinReplicas != nil && s.MaxReplicas < *s.MinReplicas {
		errs = append(errs, field.Invalid(at.Child("maxReplicas"), s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	for _, part := range []struct{ name, value string }{{"kind", s.ScaleTargetRef.Kind}, {"name", s.ScaleTargetRef.Name}} {
		at := at.Child("scaleTargetRef", part.name)
		if part.value == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		for _, msg := range content.IsPathSegmentName(part.value) {
			errs = append(errs, field.Invalid(at, part.value, msg))
		}
	}
	for i := range s.Metrics {
		errs = append(errs, validateMetric(&s.Metrics[i], at.Child("metrics").Index(i))...)
	}
	if b := s.Behavior; b != nil {
		errs = append(errs, validateScaling(b.ScaleUp, at.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateScaling(b.ScaleDown, at.Child("behavior", "scaleDown"))...)
	}
	return errs
}

func validateAutoscalerUpdate(h, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return validateAutoscaler(h)
}

func validateMetric(m *autoscalingv2.MetricSpec, at *field.Path) field.ErrorList {
	if m.Type == "" {
		return field.ErrorList{field.Required(at.Child("type"), "must specify a metric source type")}
	}
	targets := map[autoscalingv2.MetricSourceType]*autoscalingv2.MetricTarget{}
	if m.Resource != nil {
		targets[autoscalingv2.ResourceMetricSourceType] = &m.Resource.Target
	}
	if m.ContainerResource != nil {
		targets[autoscalingv2.ContainerResourceMetricSourceType] = &m.ContainerResource.Target
	}
	if m.Pods != nil {
		targets[autoscalingv2.PodsMetricSourceType] = &m.Pods.Target
	}
	if m.Object != nil {
		targets[autoscalingv2.ObjectMetricSourceType] = &m.Object.Target
	}
	if m.External != nil {
		targets[autoscalingv2.ExternalMetricSourceType] = &m.External.Target
	}
	names := map[autoscalingv2.MetricSourceType]string{
		autoscalingv2.ResourceMetricSourceType: "resource", autoscalingv2.ContainerResourceMetricSourceType: "containerResource",
		autoscalingv2.PodsMetricSourceType: "pods", autoscalingv2.ObjectMetricSourceType: "object", autoscalingv2.ExternalMetricSourceType: "external",
	}
	name, known := names[m.Type]
	if !known {
		return field.ErrorList{field.NotSupported(at.Child("type"), m.Type, []autoscalingv2.MetricSourceType{
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
			autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType})}
	}
	target := targets[m.Type]
	if target == nil {
		return field.ErrorList{field.Required(at.Child(name), "must populate information for the given metric source")}
	}
	var errs field.ErrorList
	if len(targets) > 1 {
		errs = append(errs, field.Forbidden(at, "must populate the given metric source only"))
	}
	t := at.Child(name, "target")
	if target.AverageUtilization == nil && target.AverageValue == nil && target.Value == nil {
		errs = append(errs, field.Required(t.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if u := target.AverageUtilization; u != nil && *u < 1 {
		errs = append(errs, field.Invalid(t.Child("averageUtilization"), *u, "must be greater than 0"))
	}
	if v := target.AverageValue; v != nil && v.Sign() != 1 {
		errs = append(errs, field.Invalid(t.Child("averageValue"), v, "must be positive"))
	}
	if v := target.Value; v != nil && v.Sign() != 1 {
		errs = append(errs, field.Invalid(t.Child("value"), v, "must be positive"))
	}
	return errs
}

func validateScaling(r *autoscalingv2.HPAScalingRules, at *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if w := r.StabilizationWindowSeconds; w != nil && (*w < 0 || *w > maxWindow) {
		errs = append(errs, field.Invalid(at.Child("stabilizationWindowSeconds"), *w, fmt.Sprintf("must be between 0 and %d, inclusive", maxWindow)))
	}
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(at.Child("policies"), "must specify at least one Policy"))
	}
	for i, p := range r.Policies {
		at := at.Child("policies").Index(i)
		if p.Type != autoscalingv2.PodsScalingPolicy && p.Type != autoscalingv2.PercentScalingPolicy {
			errs = append(errs, field.NotSupported(at.Child("type"), p.Type, []autoscalingv2.HPAScalingPolicyType{autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy}))
		}
		if p.Value <= 0 {
			errs = append(errs, field.Invalid(at.Child("value"), p.Value, "must be greater than zero"))
		}
		if p.PeriodSeconds <= 0 || p.PeriodSeconds > maxPeriod {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), p.PeriodSeconds, fmt.Sprintf("must be greater than zero and less than or equal to %d", maxPeriod)))
		}
	}
	return errs
}

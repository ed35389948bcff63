package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func (c *autoscalerCheck) metrics(s *autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	wakes := false
	for i := range s.Metrics {
		m := &s.Metrics[i]
		errs = append(errs, c.metric(m, path.Index(i))...)
		wakes = wakes || m.Type == autoscalingv2.ObjectMetricSourceType || m.Type == autoscalingv2.ExternalMetricSourceType
	}
	if m := s.MinReplicas; m != nil && *m == 0 && !wakes {
		errs = append(errs, field.Forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	return errs
}

// member is one of the fields of a metric, of which its type allows one.
type member struct {
	kind  autoscalingv2.MetricSourceType
	name  string
	set   bool
	check func(*field.Path) field.ErrorList
}

func (c *autoscalerCheck) metric(m *autoscalingv2.MetricSpec, path *field.Path) field.ErrorList {
	members := []member{
		{autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil, func(at *field.Path) field.ErrorList { return c.object(m.Object, at) }},
		{autoscalingv2.ExternalMetricSourceType, "external", m.External != nil, func(at *field.Path) field.ErrorList { return external(m.External, at) }},
		{autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil, func(at *field.Path) field.ErrorList { return pods(m.Pods, at) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil, func(at *field.Path) field.ErrorList { return resourceMetric(m.Resource, at) }},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil, func(at *field.Path) field.ErrorList { return container(m.ContainerResource, at) }},
	}
	var errs field.ErrorList
	if m.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric source type"))
	}
	first, known, found := true, false, 0
	for _, f := range members {
		known = known || f.kind == m.Type
		if !f.set {
			continue
		}
		found++
		if first {
			errs = append(errs, f.check(path.Child(f.name))...)
			first = false
		}
	}
	if !known {
		errs = append(errs, field.NotSupported(path.Child("type"), m.Type, []autoscalingv2.MetricSourceType{
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
			autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType}))
	}
	for _, f := range members {
		switch {
		case f.kind == m.Type && !f.set:
			errs = append(errs, field.Required(path.Child(f.name), "must populate information for the given metric source"))
		case f.kind != m.Type && f.set && found > 1:
			errs = append(errs, field.Forbidden(path.Child(f.name), "must populate the given metric source only"))
		}
	}
	return errs
}

func (c *autoscalerCheck) object(s *autoscalingv2.ObjectMetricSource, path *field.Path) field.ErrorList {
	errs := reference(s.DescribedObject, c.objects, path.Child("describedObject"))
	errs = append(errs, segment(s.Metric.Name, "must specify a metric name", path.Child("metric", "name"))...)
	errs = append(errs, metricTarget(&s.Target, path.Child("target"))...)
	if s.Target.Value == nil && s.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value or averageValue"))
	}
	return errs
}

func external(s *autoscalingv2.ExternalMetricSource, path *field.Path) field.ErrorList {
	errs := segment(s.Metric.Name, "must specify a metric name", path.Child("metric", "name"))
	errs = append(errs, metricTarget(&s.Target, path.Child("target"))...)
	if s.Target.Value == nil && s.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	}
	if s.Target.Value != nil && s.Target.AverageValue != nil {
		errs = append(errs, field.Forbidden(path.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func pods(s *autoscalingv2.PodsMetricSource, path *field.Path) field.ErrorList {
	errs := segment(s.Metric.Name, "must specify a metric name", path.Child("metric", "name"))
	errs = append(errs, metricTarget(&s.Target, path.Child("target"))...)
	if s.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func container(s *autoscalingv2.ContainerResourceMetricSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	} else {
		errs = append(errs, core.ValidateContainerResourceName(s.Name, path.Child("name"))...)
	}
	if s.Container == "" {
		errs = append(errs, field.Required(path.Child("container"), "must specify a container"))
	} else {
		for _, msg := range validation.IsDNS1123Label(s.Container) {
			errs = append(errs, field.Invalid(path.Child("container"), s.Container, msg))
		}
	}
	return append(errs, utilization(&s.Target, path.Child("target"))...)
}

func resourceMetric(s *autoscalingv2.ResourceMetricSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	}
	return append(errs, utilization(&s.Target, path.Child("target"))...)
}

// utilization is the target of a metric of which the pods have a request.
func utilization(t *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	errs := metricTarget(t, path)
	if t.AverageUtilization == nil && t.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if t.AverageUtilization != nil && t.AverageValue != nil {
		errs = append(errs, field.Forbidden(path.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func metricTarget(t *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric target type"))
	}
	switch t.Type {
	case autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		errs = append(errs, field.Invalid(path.Child("type"), t.Type, "must be either Utilization, Value, or AverageValue"))
	}
	if v := t.Value; v != nil && v.Sign() != 1 {
		errs = append(errs, field.Invalid(path.Child("value"), v, "must be positive"))
	}
	if v := t.AverageValue; v != nil && v.Sign() != 1 {
		errs = append(errs, field.Invalid(path.Child("averageValue"), v, "must be positive"))
	}
	if u := t.AverageUtilization; u != nil && *u < 1 {
		errs = append(errs, field.Invalid(path.Child("averageUtilization"), *u, "must be greater than 0"))
	}
	return errs
}

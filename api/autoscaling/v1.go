package autoscaling

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
)

// What autoscaling/v1 has no field for travels in these annotations, so that a
// client of v1 that reads and writes an object loses nothing.
const (
	metricsAnnotation    = "autoscaling.alpha.kubernetes.io/metrics"
	behaviorAnnotation   = "autoscaling.alpha.kubernetes.io/behavior"
	currentAnnotation    = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions"
)

func v1() api.Version {
	return api.Version{
		Kind:    autoscalingv1.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
		New:     func() runtime.Object { return new(autoscalingv1.HorizontalPodAutoscaler) },
		NewList: func() runtime.Object { return new(autoscalingv1.HorizontalPodAutoscalerList) },
		Default: func(runtime.Object) {},
		Import:  importV1,
		Export:  exportV1,
	}
}

// cpuUtilization returns the one metric that v1 can express, if m is it.
func cpuUtilization(m autoscalingv2.MetricSpec) (int32, bool) {
	if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil || m.Resource.Name != corev1.ResourceCPU ||
		m.Resource.Target.AverageUtilization == nil {
		return 0, false
	}
	return *m.Resource.Target.AverageUtilization, true
}

func importV1(from runtime.Object) (api.Object, error) {
	in, ok := from.(*autoscalingv1.HorizontalPodAutoscaler)
	if !ok {
		return nil, fmt.Errorf("import horizontalpodautoscaler: got %T", from)
	}
	out := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: *in.ObjectMeta.DeepCopy()}
	out.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef)
	out.Spec.MinReplicas, out.Spec.MaxReplicas = in.Spec.MinReplicas, in.Spec.MaxReplicas
	if p := in.Spec.TargetCPUUtilizationPercentage; p != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*p))
	}
	if err := takeAnnotation(out, metricsAnnotation, &out.Spec.Metrics); err != nil {
		return nil, err
	}
	if err := takeAnnotation(out, behaviorAnnotation, &out.Spec.Behavior); err != nil {
		return nil, err
	}
	out.Status = autoscalingv2.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration,
		LastScaleTime:      in.Status.LastScaleTime,
		CurrentReplicas:    in.Status.CurrentReplicas,
		DesiredReplicas:    in.Status.DesiredReplicas,
	}
	return out, importStatus(in.Status.CurrentCPUUtilizationPercentage, out)
}

// importStatus takes what v1's status has no fields for from the annotations.
func importStatus(percent *int32, out *autoscalingv2.HorizontalPodAutoscaler) error {
	if err := takeAnnotation(out, currentAnnotation, &out.Status.CurrentMetrics); err != nil {
		return err
	}
	if percent != nil && !slices.ContainsFunc(out.Status.CurrentMetrics, currentCPU) {
		out.Status.CurrentMetrics = append(out.Status.CurrentMetrics, autoscalingv2.MetricStatus{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{
				Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: percent},
			},
		})
	}
	return takeAnnotation(out, conditionsAnnotation, &out.Status.Conditions)
}

func currentCPU(m autoscalingv2.MetricStatus) bool {
	return m.Resource != nil && m.Resource.Name == corev1.ResourceCPU
}

func cpuMetric(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
		},
	}
}

// takeAnnotation moves the annotation's value to into; a list is appended to.
func takeAnnotation[V any](o *autoscalingv2.HorizontalPodAutoscaler, name string, into *V) error {
	text, ok := o.Annotations[name]
	if !ok {
		return nil
	}
	delete(o.Annotations, name)
	if len(o.Annotations) == 0 {
		o.Annotations = nil
	}
	var value V
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("annotation %s: %w", name, err)
	}
	list, isList := any(into).(*[]autoscalingv2.MetricSpec)
	if !isList {
		*into = value
		return nil
	}
	*list = append(*list, any(value).([]autoscalingv2.MetricSpec)...)
	return nil
}

func exportV1(from api.Object) (runtime.Object, error) {
	in, ok := from.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return nil, fmt.Errorf("export horizontalpodautoscaler: got %T", from)
	}
	out := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: in.ObjectMeta}
	out.Spec.ScaleTargetRef = autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef)
	out.Spec.MinReplicas, out.Spec.MaxReplicas = in.Spec.MinReplicas, in.Spec.MaxReplicas
	var rest []autoscalingv2.MetricSpec
	for _, m := range in.Spec.Metrics {
		if percent, is := cpuUtilization(m); is && out.Spec.TargetCPUUtilizationPercentage == nil {
			out.Spec.TargetCPUUtilizationPercentage = &percent
			continue
		}
		rest = append(rest, m)
	}
	if len(rest) > 0 {
		if err := giveAnnotation(out, metricsAnnotation, rest); err != nil {
			return nil, err
		}
	}
	if in.Spec.Behavior != nil {
		if err := giveAnnotation(out, behaviorAnnotation, in.Spec.Behavior); err != nil {
			return nil, err
		}
	}
	out.Status = autoscalingv1.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration,
		LastScaleTime:      in.Status.LastScaleTime,
		CurrentReplicas:    in.Status.CurrentReplicas,
		DesiredReplicas:    in.Status.DesiredReplicas,
	}
	return out, exportStatus(&in.Status, out)
}

func exportStatus(in *autoscalingv2.HorizontalPodAutoscalerStatus, out *autoscalingv1.HorizontalPodAutoscaler) error {
	var rest []autoscalingv2.MetricStatus
	for _, m := range in.CurrentMetrics {
		if currentCPU(m) {
			out.Status.CurrentCPUUtilizationPercentage = m.Resource.Current.AverageUtilization
			if m.Resource.Current.AverageValue == nil && m.Resource.Current.AverageUtilization != nil {
				continue // the percentage says it all
			}
		}
		rest = append(rest, m)
	}
	if len(rest) > 0 {
		if err := giveAnnotation(out, currentAnnotation, rest); err != nil {
			return err
		}
	}
	if len(in.Conditions) > 0 {
		return giveAnnotation(out, conditionsAnnotation, in.Conditions)
	}
	return nil
}

func giveAnnotation(o *autoscalingv1.HorizontalPodAutoscaler, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("annotation %s: %w", name, err)
	}
	// The annotations are shared with the stored object, which nobody may change.
	o.Annotations = maps.Clone(o.Annotations)
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[name] = string(text)
	return nil
}

package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"minke/api"
)

func defaultAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	api.FillPointer(&h.Spec.MinReplicas, 1)
	if len(h.Spec.Metrics) == 0 {
		h.Spec.Metrics = []autoscalingv2.MetricSpec{cpuMetric(80)}
	}
	b := h.Spec.Behavior
	if b == nil {
		return
	}
	const period = 15 // seconds
	b.ScaleUp = fillRules(b.ScaleUp, []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: period},
		{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: period},
	})
	api.FillPointer(&b.ScaleUp.StabilizationWindowSeconds, 0)
	// The window for scaling down stays open: it is the controller's setting.
	b.ScaleDown = fillRules(b.ScaleDown, []autoscalingv2.HPAScalingPolicy{
		{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: period},
	})
}

func fillRules(r *autoscalingv2.HPAScalingRules, policies []autoscalingv2.HPAScalingPolicy) *autoscalingv2.HPAScalingRules {
	if r == nil {
		r = &autoscalingv2.HPAScalingRules{}
	}
	api.FillPointer(&r.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if r.Policies == nil {
		r.Policies = policies
	}
	return r
}

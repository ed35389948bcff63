package autoscaling

import (
	"fmt"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"minke/api"
)

func autoscalerColumns() []api.Column[*autoscalingv2.HorizontalPodAutoscaler] {
	return []api.Column[*autoscalingv2.HorizontalPodAutoscaler]{
		{Name: "Reference", Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any {
			return h.Spec.ScaleTargetRef.Kind + "/" + h.Spec.ScaleTargetRef.Name
		}},
		{Name: "Targets", Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return targets(h) }},
		{Name: "MinPods", Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any {
			if h.Spec.MinReplicas == nil {
				return api.Unset
			}
			return strconv.Itoa(int(*h.Spec.MinReplicas))
		}},
		{Name: "MaxPods", Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Spec.MaxReplicas) }},
		{Name: "Replicas", Cell: func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Status.CurrentReplicas) }},
		api.AgeColumn[*autoscalingv2.HorizontalPodAutoscaler](),
	}
}

// targets shows for at most two metrics what is measured and what is wanted.
func targets(h *autoscalingv2.HorizontalPodAutoscaler) string {
	const shown = 2
	if len(h.Spec.Metrics) == 0 {
		return api.None
	}
	var list []string
	for i, m := range h.Spec.Metrics {
		var current *autoscalingv2.MetricStatus
		if i < len(h.Status.CurrentMetrics) {
			current = &h.Status.CurrentMetrics[i]
		}
		list = append(list, target(m, current))
	}
	if more := len(list) - shown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ", "), more)
	}
	return strings.Join(list, ", ")
}

func target(m autoscalingv2.MetricSpec, current *autoscalingv2.MetricStatus) string {
	var now *autoscalingv2.MetricValueStatus
	switch {
	case m.Resource != nil:
		if current != nil && current.Resource != nil {
			now = &current.Resource.Current
		}
		return string(m.Resource.Name) + ": " + ratio(m.Resource.Target, now)
	case m.ContainerResource != nil:
		if current != nil && current.ContainerResource != nil {
			now = &current.ContainerResource.Current
		}
		return string(m.ContainerResource.Name) + ": " + ratio(m.ContainerResource.Target, now)
	case m.Pods != nil:
		if current != nil && current.Pods != nil {
			now = &current.Pods.Current
		}
		return ratio(m.Pods.Target, now)
	case m.Object != nil:
		if current != nil && current.Object != nil {
			now = &current.Object.Current
		}
		return ratio(m.Object.Target, now) + averaged(m.Object.Target)
	case m.External != nil:
		if current != nil && current.External != nil {
			now = &current.External.Current
		}
		return ratio(m.External.Target, now) + averaged(m.External.Target)
	}
	return "<unknown type>"
}

func ratio(want autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	current, wanted := api.Unknown, "<auto>"
	switch {
	case want.AverageValue != nil:
		wanted = want.AverageValue.String()
		if now != nil && now.AverageValue != nil {
			current = now.AverageValue.String()
		}
	case want.AverageUtilization != nil:
		wanted = fmt.Sprintf("%d%%", *want.AverageUtilization)
		if now != nil && now.AverageUtilization != nil {
			current = fmt.Sprintf("%d%%", *now.AverageUtilization)
		}
	case want.Value != nil:
		wanted = want.Value.String()
		if now != nil && now.Value != nil {
			current = now.Value.String()
		}
	}
	return current + "/" + wanted
}

// averaged says of a target that could be either that it is an average.
func averaged(want autoscalingv2.MetricTarget) string {
	if want.AverageValue != nil {
		return " (avg)"
	}
	return ""
}

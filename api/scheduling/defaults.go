package scheduling

import (
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"minke/api"
)

func defaultPriorityClass(c *schedulingv1.PriorityClass) {
	api.FillPointer(&c.PreemptionPolicy, corev1.PreemptLowerPriority)
}

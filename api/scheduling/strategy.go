package scheduling

import schedulingv1 "k8s.io/api/scheduling/v1"

func priorityClassCreate(c *schedulingv1.PriorityClass) { c.Generation = 1 }

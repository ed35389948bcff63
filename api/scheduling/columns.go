package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"

	"minke/api"
)

func priorityClassColumns() []api.Column[*schedulingv1.PriorityClass] {
	return []api.Column[*schedulingv1.PriorityClass]{
		{Name: "Value", Type: "integer", Cell: func(c *schedulingv1.PriorityClass) any { return int64(c.Value) }},
		{Name: "Global-Default", Type: "boolean", Cell: func(c *schedulingv1.PriorityClass) any { return c.GlobalDefault }},
		api.AgeColumn[*schedulingv1.PriorityClass](),
		{Name: "PreemptionPolicy", Cell: func(c *schedulingv1.PriorityClass) any {
			if c.PreemptionPolicy == nil {
				return ""
			}
			return string(*c.PreemptionPolicy)
		}},
	}
}

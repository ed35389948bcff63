package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/api"
)

func budgetColumns() []api.Column[*policyv1.PodDisruptionBudget] {
	value := func(v *intstr.IntOrString) any {
		if v == nil {
			return "N/A"
		}
		return v.String()
	}
	return []api.Column[*policyv1.PodDisruptionBudget]{
		{Name: "Min Available", Cell: func(b *policyv1.PodDisruptionBudget) any { return value(b.Spec.MinAvailable) }},
		{Name: "Max Unavailable", Cell: func(b *policyv1.PodDisruptionBudget) any { return value(b.Spec.MaxUnavailable) }},
		{Name: "Allowed Disruptions", Type: "integer", Cell: func(b *policyv1.PodDisruptionBudget) any { return int64(b.Status.DisruptionsAllowed) }},
		api.AgeColumn[*policyv1.PodDisruptionBudget](),
	}
}

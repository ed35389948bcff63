package policy

import (
	policyv1 "k8s.io/api/policy/v1"

	"minke/api"
)

func podDisruptionBudgets() *api.Resource {
	return api.Definition[*policyv1.PodDisruptionBudget]{
		Kind:             policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
		Plural:           "poddisruptionbudgets",
		ShortNames:       []string{"pdb"},
		New:              api.New[policyv1.PodDisruptionBudget],
		NewList:          api.NewList[policyv1.PodDisruptionBudgetList],
		ValidName:        func(string, bool) []string { return nil }, // whatever a path can hold
		PrepareForCreate: podDisruptionBudgetCreate,
		PrepareForUpdate: podDisruptionBudgetUpdate,
		Subresources: map[string]api.Subresource[*policyv1.PodDisruptionBudget]{
			"status": {Prepare: podDisruptionBudgetStatus, ValidateUpdate: validateBudgetStatus},
		},
		ConditionalUpdateOnly: true,
		Columns:               budgetColumns(),
		Validate:              validateBudget,
		ValidateUpdate:        validateBudgetUpdate,
	}.Resource()
}

func podDisruptionBudgetCreate(o *policyv1.PodDisruptionBudget) {
	o.Status = policyv1.PodDisruptionBudgetStatus{}
	o.Generation = 1
}

func podDisruptionBudgetUpdate(o, old *policyv1.PodDisruptionBudget) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// podDisruptionBudgetStatus lets the status subresource change nothing but the status.
func podDisruptionBudgetStatus(o, old *policyv1.PodDisruptionBudget) {
	o.Spec = old.Spec
}

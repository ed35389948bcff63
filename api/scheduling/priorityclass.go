package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"

	"minke/api"
)

func priorityClasses() *api.Resource {
	return api.Definition[*schedulingv1.PriorityClass]{
		Kind:             schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"),
		Plural:           "priorityclasses",
		ShortNames:       []string{"pc"},
		Cluster:          true,
		New:              api.New[schedulingv1.PriorityClass],
		NewList:          api.NewList[schedulingv1.PriorityClassList],
		Default:          defaultPriorityClass,
		PrepareForCreate: priorityClassCreate,
		Columns:          priorityClassColumns(),
		Validate:         validatePriorityClass,
		ValidateUpdate:   validatePriorityClassUpdate,
	}.Resource()
}

package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func priorityLevelConfigurations() *api.Resource {
	return api.Definition[*flowcontrolv1.PriorityLevelConfiguration]{
		Kind:             flowcontrolv1.SchemeGroupVersion.WithKind("PriorityLevelConfiguration"),
		Plural:           "prioritylevelconfigurations",
		Cluster:          true,
		New:              api.New[flowcontrolv1.PriorityLevelConfiguration],
		NewList:          api.NewList[flowcontrolv1.PriorityLevelConfigurationList],
		PrepareForCreate: priorityLevelConfigurationCreate,
		PrepareForUpdate: priorityLevelConfigurationUpdate,
		Subresources: map[string]api.Subresource[*flowcontrolv1.PriorityLevelConfiguration]{
			"status": {Prepare: priorityLevelConfigurationStatus, ValidateUpdate: validateLevelStatus},
		},
		Default:        defaultPriorityLevel,
		Validate:       validateLevel,
		ValidateUpdate: func(p, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList { return validateLevel(p) },
		Columns:        priorityLevelColumns(),
	}.Resource()
}

func priorityLevelConfigurationCreate(o *flowcontrolv1.PriorityLevelConfiguration) {
	o.Status = flowcontrolv1.PriorityLevelConfigurationStatus{}
	o.Generation = 1
}

func priorityLevelConfigurationUpdate(o, old *flowcontrolv1.PriorityLevelConfiguration) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// priorityLevelConfigurationStatus lets the status subresource change nothing but the status.
func priorityLevelConfigurationStatus(o, old *flowcontrolv1.PriorityLevelConfiguration) {
	o.Spec = old.Spec
}

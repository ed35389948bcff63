package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func flowSchemas() *api.Resource {
	return api.Definition[*flowcontrolv1.FlowSchema]{
		Kind:             flowcontrolv1.SchemeGroupVersion.WithKind("FlowSchema"),
		Plural:           "flowschemas",
		Cluster:          true,
		New:              api.New[flowcontrolv1.FlowSchema],
		NewList:          api.NewList[flowcontrolv1.FlowSchemaList],
		PrepareForCreate: flowSchemaCreate,
		PrepareForUpdate: flowSchemaUpdate,
		Subresources: map[string]api.Subresource[*flowcontrolv1.FlowSchema]{
			"status": {Prepare: flowSchemaStatus, ValidateUpdate: validateFlowSchemaStatus},
		},
		Default:        defaultFlowSchema,
		Validate:       validateFlowSchema,
		ValidateUpdate: func(f, _ *flowcontrolv1.FlowSchema) field.ErrorList { return validateFlowSchema(f) },
		Columns:        flowSchemaColumns(),
	}.Resource()
}

func flowSchemaCreate(o *flowcontrolv1.FlowSchema) {
	o.Status = flowcontrolv1.FlowSchemaStatus{}
	o.Generation = 1
}

func flowSchemaUpdate(o, old *flowcontrolv1.FlowSchema) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// flowSchemaStatus lets the status subresource change nothing but the status.
func flowSchemaStatus(o, old *flowcontrolv1.FlowSchema) {
	o.Spec = old.Spec
}

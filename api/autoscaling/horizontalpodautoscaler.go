package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"minke/api"
)

func horizontalPodAutoscalers() *api.Resource {
	return api.Definition[*autoscalingv2.HorizontalPodAutoscaler]{
		Kind:             autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
		Plural:           "horizontalpodautoscalers",
		ShortNames:       []string{"hpa"},
		Categories:       []string{"all"},
		New:              api.New[autoscalingv2.HorizontalPodAutoscaler],
		NewList:          api.NewList[autoscalingv2.HorizontalPodAutoscalerList],
		PrepareForCreate: horizontalPodAutoscalerCreate,
		PrepareForUpdate: horizontalPodAutoscalerUpdate,
		Subresources: map[string]api.Subresource[*autoscalingv2.HorizontalPodAutoscaler]{
			"status": {Prepare: horizontalPodAutoscalerStatus, ValidateUpdate: validateAutoscalerStatus},
		},
		Also:           []api.Version{v1()},
		Default:        defaultAutoscaler,
		Columns:        autoscalerColumns(),
		Validate:       validateAutoscaler,
		ValidateUpdate: validateAutoscalerUpdate,
	}.Resource()
}

func horizontalPodAutoscalerCreate(o *autoscalingv2.HorizontalPodAutoscaler) {
	o.Status = autoscalingv2.HorizontalPodAutoscalerStatus{}
	o.Generation = 1
}

func horizontalPodAutoscalerUpdate(o, old *autoscalingv2.HorizontalPodAutoscaler) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// horizontalPodAutoscalerStatus lets the status subresource change nothing but the status.
func horizontalPodAutoscalerStatus(o, old *autoscalingv2.HorizontalPodAutoscaler) {
	o.Spec = old.Spec
}

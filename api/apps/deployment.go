package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"minke/api"
)

func deployments() *api.Resource {
	return api.Definition[*appsv1.Deployment]{
		Kind:             appsv1.SchemeGroupVersion.WithKind("Deployment"),
		Plural:           "deployments",
		ShortNames:       []string{"deploy"},
		Categories:       []string{"all"},
		New:              api.New[appsv1.Deployment],
		NewList:          api.NewList[appsv1.DeploymentList],
		PrepareForCreate: deploymentCreate,
		PrepareForUpdate: deploymentUpdate,
		Subresources: map[string]api.Subresource[*appsv1.Deployment]{
			"status": {Prepare: deploymentStatus, ValidateUpdate: validateDeploymentStatus},
		},
		Default:        defaultDeployment,
		Scale:          deploymentScale(),
		Columns:        deploymentColumns(),
		Validate:       validateDeployment,
		ValidateUpdate: validateDeploymentUpdate,
		Warnings:       deploymentWarnings,
	}.Resource()
}

func deploymentCreate(o *appsv1.Deployment) {
	o.Status = appsv1.DeploymentStatus{}
	o.Generation = 1
}

func deploymentUpdate(o, old *appsv1.Deployment) {
	o.Status = old.Status
	// The deployment's annotations are copied to its replica sets, so that they
	// too are part of what is wanted.
	api.BumpGeneration(o, old, []any{o.Spec, o.Annotations}, []any{old.Spec, old.Annotations})
}

// deploymentStatus lets the status subresource change nothing but the status.
func deploymentStatus(o, old *appsv1.Deployment) {
	o.Spec = old.Spec
	o.Labels = old.Labels
}

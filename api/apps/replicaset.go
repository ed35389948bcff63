package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"minke/api"
)

func replicaSets() *api.Resource {
	return api.Definition[*appsv1.ReplicaSet]{
		Kind:             appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		Plural:           "replicasets",
		ShortNames:       []string{"rs"},
		Categories:       []string{"all"},
		New:              api.New[appsv1.ReplicaSet],
		NewList:          api.NewList[appsv1.ReplicaSetList],
		PrepareForCreate: replicaSetCreate,
		PrepareForUpdate: replicaSetUpdate,
		Subresources: map[string]api.Subresource[*appsv1.ReplicaSet]{
			"status": {Prepare: replicaSetStatus, ValidateUpdate: validateReplicaSetStatus},
		},
		Default:        defaultReplicaSet,
		Scale:          replicaSetScale(),
		Columns:        replicaSetColumns(),
		Validate:       validateReplicaSet,
		ValidateUpdate: validateReplicaSetUpdate,
		Warnings:       replicaSetWarnings,
	}.Resource()
}

func replicaSetCreate(o *appsv1.ReplicaSet) {
	o.Status = appsv1.ReplicaSetStatus{}
	o.Generation = 1
}

func replicaSetUpdate(o, old *appsv1.ReplicaSet) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// replicaSetStatus lets the status subresource change nothing but the status.
func replicaSetStatus(o, old *appsv1.ReplicaSet) {
	o.Spec = old.Spec
}

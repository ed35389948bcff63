package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func replicationControllers() *api.Resource {
	return api.Definition[*corev1.ReplicationController]{
		Kind:             corev1.SchemeGroupVersion.WithKind("ReplicationController"),
		Plural:           "replicationcontrollers",
		ShortNames:       []string{"rc"},
		Categories:       []string{"all"},
		New:              api.New[corev1.ReplicationController],
		NewList:          api.NewList[corev1.ReplicationControllerList],
		PrepareForCreate: replicationControllerCreate,
		PrepareForUpdate: replicationControllerUpdate,
		Subresources: map[string]api.Subresource[*corev1.ReplicationController]{
			"status": {Prepare: replicationControllerStatus, ValidateUpdate: validateReplicationControllerStatus},
		},
		Default:        defaultReplicationController,
		DefaultOrphan:  true,
		Scale:          replicationControllerScale(),
		Fields:         replicationControllerFields(),
		Columns:        replicationControllerColumns(),
		Validate:       validateReplicationController,
		ValidateUpdate: validateReplicationControllerUpdate,
		Warnings:       replicationControllerWarnings,
	}.Resource()
}

func replicationControllerCreate(o *corev1.ReplicationController) {
	o.Status = corev1.ReplicationControllerStatus{}
	o.Generation = 1
}

func replicationControllerUpdate(o, old *corev1.ReplicationController) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// replicationControllerStatus lets the status subresource change nothing but the status.
func replicationControllerStatus(o, old *corev1.ReplicationController) {
	o.Spec = old.Spec
}

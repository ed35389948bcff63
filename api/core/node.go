package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func nodes() *api.Resource {
	return api.Definition[*corev1.Node]{
		Kind:             corev1.SchemeGroupVersion.WithKind("Node"),
		Plural:           "nodes",
		ShortNames:       []string{"no"},
		Cluster:          true,
		New:              api.New[corev1.Node],
		NewList:          api.NewList[corev1.NodeList],
		PrepareForUpdate: nodeUpdate,
		Subresources: map[string]api.Subresource[*corev1.Node]{
			"status": {Prepare: nodeStatus},
		},
		Default:        defaultNode,
		Fields:         nodeFields(),
		Columns:        nodeColumns(),
		Validate:       validateNode,
		ValidateUpdate: validateNodeUpdate,
	}.Resource()
}

func nodeUpdate(o, old *corev1.Node) {
	o.Status = old.Status
}

// nodeStatus lets the status subresource change nothing but the status.
func nodeStatus(o, old *corev1.Node) {
	o.Spec = old.Spec
}

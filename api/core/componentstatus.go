package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func componentStatuses() *api.Resource {
	return api.Definition[*corev1.ComponentStatus]{
		Kind:       corev1.SchemeGroupVersion.WithKind("ComponentStatus"),
		Plural:     "componentstatuses",
		ShortNames: []string{"cs"},
		Cluster:    true,
		New:        api.New[corev1.ComponentStatus],
		NewList:    api.NewList[corev1.ComponentStatusList],
		Verbs:      []string{"get", "list"},
		Columns:    componentStatusColumns(),
	}.Resource()
}

package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func componentStatuses() *api.Resource {
	r := api.Definition[*corev1.ComponentStatus]{
		Kind:       corev1.SchemeGroupVersion.WithKind("ComponentStatus"),
		Plural:     "componentstatuses",
		ShortNames: []string{"cs"},
		Cluster:    true,
		New:        api.New[corev1.ComponentStatus],
		NewList:    api.NewList[corev1.ComponentStatusList],
		Verbs:      []string{"get", "list"},
		Columns:    componentStatusColumns(),
	}.Resource()
	r.Deprecated = "v1 ComponentStatus is deprecated in v1.19+"
	return r
}

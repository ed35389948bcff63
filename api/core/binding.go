package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

// bindings is the older way to give a pod to a node, beside pods/binding. The
// server acts on it and stores nothing.
func bindings() *api.Resource {
	return api.Definition[*corev1.Binding]{
		Kind:   corev1.SchemeGroupVersion.WithKind("Binding"),
		Plural: "bindings",
		New:    api.New[corev1.Binding],
		Verbs:  []string{"create"},
	}.Resource()
}

package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func pods() *api.Resource {
	return api.Definition[*corev1.Pod]{
		Kind:             corev1.SchemeGroupVersion.WithKind("Pod"),
		Plural:           "pods",
		ShortNames:       []string{"po"},
		Categories:       []string{"all"},
		New:              api.New[corev1.Pod],
		NewList:          api.NewList[corev1.PodList],
		PrepareForCreate: podCreate,
		PrepareForUpdate: podUpdate,
		Subresources: map[string]api.Subresource[*corev1.Pod]{
			"status": {Prepare: podStatus},
		},
		Default: defaultPod,
	}.Resource()
}

func podCreate(o *corev1.Pod) {
	o.Status = corev1.PodStatus{}
}

func podUpdate(o, old *corev1.Pod) {
	o.Status = old.Status
}

// podStatus lets the status subresource change nothing but the status.
func podStatus(o, old *corev1.Pod) {
	o.Spec = old.Spec
}

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
		Default:          defaultPod,
		WarningsBefore:   appArmorWarnings,
		PrepareForCreate: podCreate,
		PrepareForUpdate: podUpdate,
		Subresources: map[string]api.Subresource[*corev1.Pod]{
			"status":              {Prepare: podStatus, ValidateUpdate: validatePodStatusUpdate},
			"ephemeralcontainers": {Prepare: podEphemeralContainers, ValidateUpdate: validateEphemeralContainers},
			"resize":              {Prepare: podResize, ValidateUpdate: validateResize},
		},
		Grace:          podGrace,
		Fields:         podFields(),
		Columns:        podColumns(),
		Validate:       validatePod,
		ValidateUpdate: validatePodUpdate,
		Warnings:       podWarnings,
	}.Resource()
}

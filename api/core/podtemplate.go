package core

import (
	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func podTemplates() *api.Resource {
	return api.Definition[*corev1.PodTemplate]{
		Kind:             corev1.SchemeGroupVersion.WithKind("PodTemplate"),
		Plural:           "podtemplates",
		New:              api.New[corev1.PodTemplate],
		NewList:          api.NewList[corev1.PodTemplateList],
		PrepareForCreate: podTemplateCreate,
		PrepareForUpdate: podTemplateUpdate,
		Default:          defaultPodTemplate,
		Columns:          podTemplateColumns(),
		Validate: func(t *corev1.PodTemplate) field.ErrorList {
			return ValidatePodTemplate(&t.Template, nil, field.NewPath("template"))
		},
		ValidateUpdate: validatePodTemplateUpdate,
		Warnings: func(t, _ *corev1.PodTemplate) []string {
			return PodTemplateWarnings(&t.Template, field.NewPath("template"))
		},
	}.Resource()
}

func podTemplateCreate(o *corev1.PodTemplate) {
	o.Generation = 1
}

func podTemplateUpdate(o, old *corev1.PodTemplate) {
	api.BumpGeneration(o, old, o.Template, old.Template)
}

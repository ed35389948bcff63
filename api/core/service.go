package core

import (
	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/api/validation"

	"minke/api"
)

func services() *api.Resource {
	return api.Definition[*corev1.Service]{
		Kind:             corev1.SchemeGroupVersion.WithKind("Service"),
		Plural:           "services",
		ShortNames:       []string{"svc"},
		Categories:       []string{"all"},
		New:              api.New[corev1.Service],
		NewList:          api.NewList[corev1.ServiceList],
		PrepareForCreate: serviceCreate,
		PrepareForUpdate: serviceUpdate,
		Subresources: map[string]api.Subresource[*corev1.Service]{
			"status": {Prepare: serviceStatus},
		},
		Default:        defaultService,
		CreateOnUpdate: true,
		ValidName:      validation.NameIsDNS1035Label,
	}.Resource()
}

func serviceCreate(o *corev1.Service) {
	o.Status = corev1.ServiceStatus{}
}

func serviceUpdate(o, old *corev1.Service) {
	o.Status = old.Status
}

// serviceStatus lets the status subresource change nothing but the status.
func serviceStatus(o, old *corev1.Service) {
	o.Spec = old.Spec
}

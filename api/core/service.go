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
			"status": {Prepare: serviceStatus, ValidateUpdate: validateServiceStatus},
		},
		Default:        defaultService,
		CreateOnUpdate: true,
		ValidName:      validation.NameIsDNSLabel,
		Fields:         serviceFields(),
		Columns:        serviceColumns(),
		Validate:       validateService,
		ValidateUpdate: validateServiceUpdate,
		Warnings:       serviceWarnings,
	}.Resource()
}

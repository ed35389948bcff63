package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func mutatingWebhookConfigurations() *api.Resource {
	return api.Definition[*admissionregistrationv1.MutatingWebhookConfiguration]{
		Kind:                  admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"),
		Plural:                "mutatingwebhookconfigurations",
		Categories:            []string{"api-extensions"},
		Cluster:               true,
		New:                   api.New[admissionregistrationv1.MutatingWebhookConfiguration],
		NewList:               api.NewList[admissionregistrationv1.MutatingWebhookConfigurationList],
		Default:               defaultMutating,
		PrepareForCreate:      mutatingCreate,
		PrepareForUpdate:      mutatingUpdate,
		ConditionalUpdateOnly: true,
		Columns:               mutatingColumns(),
		Validate: func(c *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
			return append(validateMutating(c, &admissionregistrationv1.MutatingWebhookConfiguration{}), notStatic(c.Name)...)
		},
		ValidateUpdate: validateMutating,
		Warnings:       mutatingWarnings,
	}.Resource()
}

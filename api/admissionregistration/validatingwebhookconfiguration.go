package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func validatingWebhookConfigurations() *api.Resource {
	return api.Definition[*admissionregistrationv1.ValidatingWebhookConfiguration]{
		Kind:                  admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"),
		Plural:                "validatingwebhookconfigurations",
		Categories:            []string{"api-extensions"},
		Cluster:               true,
		New:                   api.New[admissionregistrationv1.ValidatingWebhookConfiguration],
		NewList:               api.NewList[admissionregistrationv1.ValidatingWebhookConfigurationList],
		Default:               defaultValidating,
		PrepareForCreate:      validatingCreate,
		PrepareForUpdate:      validatingUpdate,
		ConditionalUpdateOnly: true,
		Columns:               validatingColumns(),
		Validate: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
			return append(validateValidating(c, &admissionregistrationv1.ValidatingWebhookConfiguration{}), notStatic(c.Name)...)
		},
		ValidateUpdate: validateValidating,
		Warnings:       validatingWarnings,
	}.Resource()
}

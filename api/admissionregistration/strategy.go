package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"minke/api"
)

func validatingCreate(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Generation = 1 }

func validatingUpdate(c, old *admissionregistrationv1.ValidatingWebhookConfiguration) {
	api.BumpGeneration(c, old, c.Webhooks, old.Webhooks)
}

func mutatingCreate(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Generation = 1 }

func mutatingUpdate(c, old *admissionregistrationv1.MutatingWebhookConfiguration) {
	api.BumpGeneration(c, old, c.Webhooks, old.Webhooks)
}

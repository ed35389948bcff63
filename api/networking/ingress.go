package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func ingresses() *api.Resource {
	return api.Definition[*networkingv1.Ingress]{
		Kind:             networkingv1.SchemeGroupVersion.WithKind("Ingress"),
		Plural:           "ingresses",
		ShortNames:       []string{"ing"},
		New:              api.New[networkingv1.Ingress],
		NewList:          api.NewList[networkingv1.IngressList],
		PrepareForCreate: ingressCreate,
		PrepareForUpdate: ingressUpdate,
		Subresources: map[string]api.Subresource[*networkingv1.Ingress]{
			"status": {Prepare: ingressStatus, ValidateUpdate: validateIngressStatus},
		},
		Columns:        ingressColumns(),
		Validate:       validateIngress,
		ValidateUpdate: validateIngressUpdate,
		Warnings:       ingressWarnings,
	}.Resource()
}

func ingressCreate(o *networkingv1.Ingress) {
	o.Status = networkingv1.IngressStatus{}
	o.Generation = 1
}

func ingressUpdate(o, old *networkingv1.Ingress) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// ingressStatus lets the status subresource change nothing but the status.
func ingressStatus(o, old *networkingv1.Ingress) {
	o.Spec = old.Spec
}

package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func serviceCIDRs() *api.Resource {
	return api.Definition[*networkingv1.ServiceCIDR]{
		Kind:             networkingv1.SchemeGroupVersion.WithKind("ServiceCIDR"),
		Plural:           "servicecidrs",
		Cluster:          true,
		New:              api.New[networkingv1.ServiceCIDR],
		NewList:          api.NewList[networkingv1.ServiceCIDRList],
		PrepareForCreate: serviceCIDRCreate,
		PrepareForUpdate: serviceCIDRUpdate,
		Subresources: map[string]api.Subresource[*networkingv1.ServiceCIDR]{
			"status": {Prepare: serviceCIDRStatus},
		},
		Columns:        serviceCIDRColumns(),
		Validate:       validateServiceCIDR,
		ValidateUpdate: validateServiceCIDRUpdate,
	}.Resource()
}

func serviceCIDRCreate(o *networkingv1.ServiceCIDR) {
	o.Status = networkingv1.ServiceCIDRStatus{}
}

func serviceCIDRUpdate(o, old *networkingv1.ServiceCIDR) {
	o.Status = old.Status
}

// serviceCIDRStatus lets the status subresource change nothing but the status.
func serviceCIDRStatus(o, old *networkingv1.ServiceCIDR) {
	o.Spec = old.Spec
}

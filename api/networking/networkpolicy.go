package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func networkPolicies() *api.Resource {
	return api.Definition[*networkingv1.NetworkPolicy]{
		Kind:             networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
		Plural:           "networkpolicies",
		ShortNames:       []string{"netpol"},
		New:              api.New[networkingv1.NetworkPolicy],
		NewList:          api.NewList[networkingv1.NetworkPolicyList],
		PrepareForCreate: networkPolicyCreate,
		PrepareForUpdate: networkPolicyUpdate,
		Default:          defaultNetworkPolicy,
		Columns:          networkPolicyColumns(),
		Validate:         validateNetworkPolicy,
		ValidateUpdate:   validateNetworkPolicyUpdate,
		Warnings:         networkPolicyWarnings,
	}.Resource()
}

func networkPolicyCreate(o *networkingv1.NetworkPolicy) {
	o.Generation = 1
}

func networkPolicyUpdate(o, old *networkingv1.NetworkPolicy) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

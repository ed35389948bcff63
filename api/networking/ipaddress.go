package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func ipAddresses() *api.Resource {
	return api.Definition[*networkingv1.IPAddress]{
		Kind:             networkingv1.SchemeGroupVersion.WithKind("IPAddress"),
		Plural:           "ipaddresses",
		ShortNames:       []string{"ip"},
		Cluster:          true,
		New:              api.New[networkingv1.IPAddress],
		NewList:          api.NewList[networkingv1.IPAddressList],
		PrepareForCreate: ipAddressCreate,
		PrepareForUpdate: ipAddressUpdate,
		Columns:          ipAddressColumns(),
		Validate:         validateIPAddress,
		ValidateUpdate:   validateIPAddressUpdate,
		ValidName:        validIPName,
	}.Resource()
}

func ipAddressCreate(o *networkingv1.IPAddress) {
	o.Generation = 1
}

func ipAddressUpdate(o, old *networkingv1.IPAddress) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func ipAddresses() *api.Resource {
	return api.Definition[*networkingv1.IPAddress]{
		Kind:           networkingv1.SchemeGroupVersion.WithKind("IPAddress"),
		Plural:         "ipaddresses",
		ShortNames:     []string{"ip"},
		Cluster:        true,
		New:            api.New[networkingv1.IPAddress],
		NewList:        api.NewList[networkingv1.IPAddressList],
		Columns:        ipAddressColumns(),
		Validate:       validateIPAddress,
		ValidateUpdate: validateIPAddressUpdate,
		ValidName:      validIPName,
	}.Resource()
}

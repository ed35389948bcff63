package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

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
		ValidateUpdate: func(a, old *networkingv1.IPAddress) field.ErrorList {
			return apivalidation.ValidateImmutableField(a.Spec, old.Spec, field.NewPath("spec"))
		},
		ValidName: validIPName,
	}.Resource()
}

func ipAddressCreate(o *networkingv1.IPAddress) {
	o.Generation = 1
}

func ipAddressUpdate(o, old *networkingv1.IPAddress) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"minke/api"
)

func ingressClasses() *api.Resource {
	return api.Definition[*networkingv1.IngressClass]{
		Kind:             networkingv1.SchemeGroupVersion.WithKind("IngressClass"),
		Plural:           "ingressclasses",
		Cluster:          true,
		New:              api.New[networkingv1.IngressClass],
		NewList:          api.NewList[networkingv1.IngressClassList],
		PrepareForCreate: ingressClassCreate,
		PrepareForUpdate: ingressClassUpdate,
		Default:          defaultIngressClass,
		Columns:          ingressClassColumns(),
		Validate:         validateIngressClass,
		ValidateUpdate:   validateIngressClassUpdate,
	}.Resource()
}

func ingressClassCreate(o *networkingv1.IngressClass) {
	o.Generation = 1
}

func ingressClassUpdate(o, old *networkingv1.IngressClass) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

package legacy

import (
	extensionsv1beta1 "k8s.io/api/extensions/v1beta1"
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/api"
)

// The two old ingresses differ from today's in their backends:
//
//	backend:                        defaultBackend:
//	  serviceName: web       ->       service:
//	  servicePort: 80                   name: web
//	                                    port: {number: 80}
//
// and in that a path may leave out its type.
func ingresses() []api.Version {
	return []api.Version{
		version[networkingv1beta1.Ingress, networkingv1beta1.IngressList](
			networkingv1beta1.SchemeGroupVersion.WithKind("Ingress"), api.Adjust[networkingv1beta1.Ingress, networkingv1.Ingress]{
				Fill: func(i *networkingv1beta1.Ingress) {
					for n := range i.Spec.Rules {
						if http := i.Spec.Rules[n].HTTP; http != nil {
							for m := range http.Paths {
								api.FillPointer(&http.Paths[m].PathType, networkingv1beta1.PathTypeImplementationSpecific)
							}
						}
					}
				},
				In: func(from *networkingv1beta1.Ingress, to *networkingv1.Ingress) {
					if b := from.Spec.Backend; b != nil {
						to.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: service(b.ServiceName, b.ServicePort), Resource: b.Resource}
					}
					eachPath(to, func(rule, path int, p *networkingv1.HTTPIngressPath) {
						b := from.Spec.Rules[rule].HTTP.Paths[path].Backend
						p.Backend.Service = service(b.ServiceName, b.ServicePort)
					})
				},
				Out: func(from *networkingv1.Ingress, to *networkingv1beta1.Ingress) {
					if b := from.Spec.DefaultBackend; b != nil {
						name, port := serviceOf(b)
						to.Spec.Backend = &networkingv1beta1.IngressBackend{ServiceName: name, ServicePort: port, Resource: b.Resource}
					}
					eachPath(from, func(rule, path int, p *networkingv1.HTTPIngressPath) {
						b := &to.Spec.Rules[rule].HTTP.Paths[path].Backend
						b.ServiceName, b.ServicePort = serviceOf(&p.Backend)
					})
				},
			}),
		version[extensionsv1beta1.Ingress, extensionsv1beta1.IngressList](
			extensionsv1beta1.SchemeGroupVersion.WithKind("Ingress"), api.Adjust[extensionsv1beta1.Ingress, networkingv1.Ingress]{
				Fill: func(i *extensionsv1beta1.Ingress) {
					for n := range i.Spec.Rules {
						if http := i.Spec.Rules[n].HTTP; http != nil {
							for m := range http.Paths {
								api.FillPointer(&http.Paths[m].PathType, extensionsv1beta1.PathTypeImplementationSpecific)
							}
						}
					}
				},
				In: func(from *extensionsv1beta1.Ingress, to *networkingv1.Ingress) {
					if b := from.Spec.Backend; b != nil {
						to.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: service(b.ServiceName, b.ServicePort), Resource: b.Resource}
					}
					eachPath(to, func(rule, path int, p *networkingv1.HTTPIngressPath) {
						b := from.Spec.Rules[rule].HTTP.Paths[path].Backend
						p.Backend.Service = service(b.ServiceName, b.ServicePort)
					})
				},
				Out: func(from *networkingv1.Ingress, to *extensionsv1beta1.Ingress) {
					if b := from.Spec.DefaultBackend; b != nil {
						name, port := serviceOf(b)
						to.Spec.Backend = &extensionsv1beta1.IngressBackend{ServiceName: name, ServicePort: port, Resource: b.Resource}
					}
					eachPath(from, func(rule, path int, p *networkingv1.HTTPIngressPath) {
						b := &to.Spec.Rules[rule].HTTP.Paths[path].Backend
						b.ServiceName, b.ServicePort = serviceOf(&p.Backend)
					})
				},
			}),
	}
}

// eachPath visits the paths; an old ingress and its conversion have the same.
func eachPath(i *networkingv1.Ingress, visit func(rule, path int, p *networkingv1.HTTPIngressPath)) {
	for n := range i.Spec.Rules {
		if http := i.Spec.Rules[n].HTTP; http != nil {
			for m := range http.Paths {
				visit(n, m, &http.Paths[m])
			}
		}
	}
}

func service(name string, port intstr.IntOrString) *networkingv1.IngressServiceBackend {
	if name == "" && port == (intstr.IntOrString{}) {
		return nil
	}
	s := &networkingv1.IngressServiceBackend{Name: name}
	if port.Type == intstr.Int {
		s.Port.Number = port.IntVal
	} else {
		s.Port.Name = port.StrVal
	}
	return s
}

func serviceOf(b *networkingv1.IngressBackend) (string, intstr.IntOrString) {
	switch {
	case b.Service == nil:
		return "", intstr.IntOrString{}
	case b.Service.Port.Name != "":
		return b.Service.Name, intstr.FromString(b.Service.Port.Name)
	}
	return b.Service.Name, intstr.FromInt32(b.Service.Port.Number)
}

func ingressClasses() []api.Version {
	return []api.Version{
		version[networkingv1beta1.IngressClass, networkingv1beta1.IngressClassList](
			networkingv1beta1.SchemeGroupVersion.WithKind("IngressClass"), api.Adjust[networkingv1beta1.IngressClass, networkingv1.IngressClass]{}),
	}
}

func networkPolicies() []api.Version {
	return []api.Version{
		version[extensionsv1beta1.NetworkPolicy, extensionsv1beta1.NetworkPolicyList](
			extensionsv1beta1.SchemeGroupVersion.WithKind("NetworkPolicy"), api.Adjust[extensionsv1beta1.NetworkPolicy, networkingv1.NetworkPolicy]{}),
	}
}

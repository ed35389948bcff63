package networking

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func ingressColumns() []api.Column[*networkingv1.Ingress] {
	return []api.Column[*networkingv1.Ingress]{
		{Name: "Class", Cell: func(i *networkingv1.Ingress) any {
			if i.Spec.IngressClassName == nil {
				return api.None
			}
			return *i.Spec.IngressClassName
		}},
		{Name: "Hosts", Cell: func(i *networkingv1.Ingress) any { return hosts(i.Spec.Rules) }},
		{Name: "Address", Cell: func(i *networkingv1.Ingress) any {
			var all []string
			for _, in := range i.Status.LoadBalancer.Ingress {
				if in.IP != "" {
					all = append(all, in.IP)
				} else if in.Hostname != "" {
					all = append(all, in.Hostname)
				}
			}
			return strings.Join(all, ",")
		}},
		{Name: "Ports", Cell: func(i *networkingv1.Ingress) any {
			if len(i.Spec.TLS) > 0 {
				return "80, 443"
			}
			return "80"
		}},
		api.AgeColumn[*networkingv1.Ingress](),
	}
}

// hosts shows the first three hosts and how many more there are.
func hosts(rules []networkingv1.IngressRule) string {
	const shown = 3
	var list []string
	for _, r := range rules {
		if r.Host != "" {
			list = append(list, r.Host)
		}
	}
	if len(list) == 0 {
		return "*"
	}
	if more := len(list) - shown; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ","), more)
	}
	return strings.Join(list, ",")
}

func ingressClassColumns() []api.Column[*networkingv1.IngressClass] {
	return []api.Column[*networkingv1.IngressClass]{
		{Name: "Controller", Cell: func(c *networkingv1.IngressClass) any { return c.Spec.Controller }},
		{Name: "Parameters", Cell: func(c *networkingv1.IngressClass) any {
			p := c.Spec.Parameters
			if p == nil {
				return api.None
			}
			kind := p.Kind
			if p.APIGroup != nil {
				kind += "." + *p.APIGroup
			}
			return kind + "/" + p.Name
		}},
		api.AgeColumn[*networkingv1.IngressClass](),
	}
}

func networkPolicyColumns() []api.Column[*networkingv1.NetworkPolicy] {
	return []api.Column[*networkingv1.NetworkPolicy]{
		{Name: "Pod-Selector", Cell: func(p *networkingv1.NetworkPolicy) any { return metav1.FormatLabelSelector(&p.Spec.PodSelector) }},
		api.AgeColumn[*networkingv1.NetworkPolicy](),
	}
}

func ipAddressColumns() []api.Column[*networkingv1.IPAddress] {
	return []api.Column[*networkingv1.IPAddress]{
		{Name: "ParentRef", Cell: func(a *networkingv1.IPAddress) any {
			ref := a.Spec.ParentRef
			if ref == nil {
				return api.None
			}
			text := ref.Resource
			if ref.Group != "" {
				text += "." + ref.Group
			}
			if ref.Namespace != "" {
				text += "/" + ref.Namespace
			}
			return text + "/" + ref.Name
		}},
	}
}

func serviceCIDRColumns() []api.Column[*networkingv1.ServiceCIDR] {
	return []api.Column[*networkingv1.ServiceCIDR]{
		{Name: "CIDRs", Cell: func(c *networkingv1.ServiceCIDR) any { return strings.Join(c.Spec.CIDRs, ",") }},
		api.AgeColumn[*networkingv1.ServiceCIDR](),
	}
}

package networking

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// policyCheck checks a network policy. Its old form, if there is one, tells what
// need not be mended.
type policyCheck struct {
	// labels tells that values of selectors may be what no label can be.
	labels bool
	cidrs  []string
}

func validateNetworkPolicy(p *networkingv1.NetworkPolicy) field.ErrorList {
	return (&policyCheck{}).spec(&p.Spec, field.NewPath("spec"))
}

func validateNetworkPolicyUpdate(p, old *networkingv1.NetworkPolicy) field.ErrorList {
	c := &policyCheck{}
	eachPeer(&old.Spec, func(peer *networkingv1.NetworkPolicyPeer, _ *field.Path) {
		if b := peer.IPBlock; b != nil {
			c.cidrs = append(append(c.cidrs, b.CIDR), b.Except...)
		}
		c.labels = c.labels || peer.PodSelector != nil && len(selector(peer.PodSelector, nil)) > 0 ||
			peer.NamespaceSelector != nil && len(selector(peer.NamespaceSelector, nil)) > 0
	})
	c.labels = c.labels || len(selector(&old.Spec.PodSelector, nil)) > 0
	return c.spec(&p.Spec, field.NewPath("spec"))
}

func selector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, path)
}

func (c *policyCheck) selector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: c.labels}, path)
}

func (c *policyCheck) spec(s *networkingv1.NetworkPolicySpec, path *field.Path) field.ErrorList {
	errs := c.selector(&s.PodSelector, path.Child("podSelector"))
	for i, rule := range s.Ingress {
		at := path.Child("ingress").Index(i)
		errs = append(errs, c.rule(rule.Ports, rule.From, at, at.Child("from"))...)
	}
	for i, rule := range s.Egress {
		at := path.Child("egress").Index(i)
		errs = append(errs, c.rule(rule.Ports, rule.To, at, at.Child("to"))...)
	}
	allowed := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	if len(s.PolicyTypes) > len(allowed) {
		return append(errs, field.Invalid(path.Child("policyTypes"), s.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range s.PolicyTypes {
		if !slices.Contains(allowed, t) {
			errs = append(errs, field.NotSupported(path.Child("policyTypes").Index(i), t, allowed))
		}
	}
	return errs
}

func (c *policyCheck) rule(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, path, peerPath *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range ports {
		errs = append(errs, validatePolicyPort(&ports[i], path.Child("ports").Index(i))...)
	}
	for i := range peers {
		errs = append(errs, c.peer(&peers[i], peerPath.Index(i))...)
	}
	return errs
}

func validatePolicyPort(p *networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	protocols := []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
	if p.Protocol != nil && !slices.Contains(protocols, *p.Protocol) {
		errs = append(errs, field.NotSupported(path.Child("protocol"), *p.Protocol, protocols))
	}
	port, end := path.Child("port"), path.Child("endPort")
	switch {
	case p.Port == nil:
		if p.EndPort != nil {
			errs = append(errs, field.Invalid(end, *p.EndPort, "may not be specified when `port` is not specified"))
		}
		return errs
	case p.Port.Type == intstr.String:
		if p.EndPort != nil {
			errs = append(errs, field.Invalid(end, *p.EndPort, "may not be specified when `port` is non-numeric"))
		}
		return append(errs, messages(port, p.Port.StrVal, validation.IsValidPortName)...)
	}
	for _, msg := range validation.IsValidPortNum(int(p.Port.IntVal)) {
		errs = append(errs, field.Invalid(port, p.Port.IntVal, msg))
	}
	if p.EndPort == nil {
		return errs
	}
	if *p.EndPort < p.Port.IntVal {
		errs = append(errs, field.Invalid(end, *p.EndPort, "must be greater than or equal to `port`"))
	}
	for _, msg := range validation.IsValidPortNum(int(*p.EndPort)) {
		errs = append(errs, field.Invalid(end, *p.EndPort, msg))
	}
	return errs
}

func (c *policyCheck) peer(p *networkingv1.NetworkPolicyPeer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.PodSelector != nil {
		errs = append(errs, c.selector(p.PodSelector, path.Child("podSelector"))...)
	}
	if p.NamespaceSelector != nil {
		errs = append(errs, c.selector(p.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	if p.IPBlock != nil {
		errs = append(errs, c.block(p.IPBlock, path.Child("ipBlock"))...)
	}
	switch some := p.PodSelector != nil || p.NamespaceSelector != nil; {
	case !some && p.IPBlock == nil:
		errs = append(errs, field.Required(path, "must specify a peer"))
	case some && p.IPBlock != nil:
		errs = append(errs, field.Forbidden(path, "may not specify both ipBlock and another peer"))
	}
	return errs
}

func (c *policyCheck) block(b *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(path.Child("cidr"), "")}
	}
	errs := validation.IsValidCIDRForLegacyField(path.Child("cidr"), b.CIDR, true, c.cidrs)
	_, outer, err := netutils.ParseCIDRSloppy(b.CIDR)
	if err != nil {
		// IsValidCIDRForLegacyField has said so.
		return errs
	}
	for i, except := range b.Except {
		at := path.Child("except").Index(i)
		errs = append(errs, validation.IsValidCIDRForLegacyField(at, except, true, c.cidrs)...)
		_, inner, err := netutils.ParseCIDRSloppy(except)
		if err != nil {
			return errs
		}
		all, _ := outer.Mask.Size()
		part, _ := inner.Mask.Size()
		if !outer.Contains(inner.IP) || all >= part {
			errs = append(errs, field.Invalid(at, except, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

func eachPeer(s *networkingv1.NetworkPolicySpec, visit func(*networkingv1.NetworkPolicyPeer, *field.Path)) {
	path := field.NewPath("spec")
	for i := range s.Ingress {
		for j := range s.Ingress[i].From {
			visit(&s.Ingress[i].From[j], path.Child("ingress").Index(i).Child("from").Index(j))
		}
	}
	for i := range s.Egress {
		for j := range s.Egress[i].To {
			visit(&s.Egress[i].To[j], path.Child("egress").Index(i).Child("to").Index(j))
		}
	}
}

func networkPolicyWarnings(p, _ *networkingv1.NetworkPolicy) []string {
	var all []string
	eachPeer(&p.Spec, func(peer *networkingv1.NetworkPolicyPeer, path *field.Path) {
		b, at := peer.IPBlock, path.Child("ipBlock")
		if b == nil {
			return
		}
		all = append(all, validation.GetWarningsForCIDR(at.Child("cidr"), b.CIDR)...)
		for i, except := range b.Except {
			all = append(all, validation.GetWarningsForCIDR(at.Child("except").Index(i), except)...)
		}
	})
	return all
}

func validateIngressClassUpdate(c, old *networkingv1.IngressClass) field.ErrorList {
	errs := apivalidation.ValidateImmutableField(c.Spec.Controller, old.Spec.Controller, field.NewPath("spec", "controller"))
	return append(errs, validateIngressClass(c)...)
}

package networking

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func selector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, path)
}

func validateNetworkPolicy(p *networkingv1.NetworkPolicy) field.ErrorList {
	path := field.NewPath("spec")
	errs := selector(&p.Spec.PodSelector, path.Child("podSelector"))
	for i, rule := range p.Spec.Ingress {
		at := path.Child("ingress").Index(i)
		errs = append(errs, validatePolicyRule(rule.Ports, rule.From, at, at.Child("from"))...)
	}
	for i, rule := range p.Spec.Egress {
		at := path.Child("egress").Index(i)
		errs = append(errs, validatePolicyRule(rule.Ports, rule.To, at, at.Child("to"))...)
	}
	if len(p.Spec.PolicyTypes) > 2 {
		return append(errs, field.Invalid(path.Child("policyTypes"), p.Spec.PolicyTypes, "may not specify more than two policyTypes"))
	}
	allowed := []networkingv1.PolicyType{networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress}
	for i, t := range p.Spec.PolicyTypes {
		if !slices.Contains(allowed, t) {
			errs = append(errs, field.NotSupported(path.Child("policyTypes").Index(i), t, allowed))
		}
	}
	return errs
}

func validateNetworkPolicyUpdate(p, _ *networkingv1.NetworkPolicy) field.ErrorList {
	return validateNetworkPolicy(p)
}

func validatePolicyRule(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, path, peerPath *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range ports {
		errs = append(errs, validatePolicyPort(&ports[i], path.Child("ports").Index(i))...)
	}
	for i := range peers {
		errs = append(errs, validatePeer(&peers[i], peerPath.Index(i))...)
	}
	return errs
}

func validatePolicyPort(p *networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	protocols := []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
	if p.Protocol != nil && !slices.Contains(protocols, *p.Protocol) {
		errs = append(errs, field.NotSupported(path.Child("protocol"), *p.Protocol, protocols))
	}
	if p.Port == nil {
		if p.EndPort != nil {
			errs = append(errs, field.Required(path.Child("port"), "must be specified when `endPort` is defined"))
		}
		return errs
	}
	if p.Port.Type == intstr.String {
		if p.EndPort != nil {
			errs = append(errs, field.Invalid(path.Child("endPort"), *p.EndPort, "may not be specified when `port` is non-numeric"))
		}
		for _, msg := range validation.IsValidPortName(p.Port.StrVal) {
			errs = append(errs, field.Invalid(path.Child("port"), p.Port.StrVal, msg))
		}
		return errs
	}
	if p.EndPort != nil {
		if *p.EndPort < p.Port.IntVal {
			errs = append(errs, field.Invalid(path.Child("endPort"), p.Port.IntVal, "must be greater than or equal to `port`"))
		}
		for _, msg := range validation.IsValidPortNum(int(*p.EndPort)) {
			errs = append(errs, field.Invalid(path.Child("endPort"), *p.EndPort, msg))
		}
	}
	for _, msg := range validation.IsValidPortNum(int(p.Port.IntVal)) {
		errs = append(errs, field.Invalid(path.Child("port"), p.Port.IntVal, msg))
	}
	return errs
}

func validatePeer(p *networkingv1.NetworkPolicyPeer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	some := p.PodSelector != nil || p.NamespaceSelector != nil
	if p.PodSelector != nil {
		errs = append(errs, selector(p.PodSelector, path.Child("podSelector"))...)
	}
	if p.NamespaceSelector != nil {
		errs = append(errs, selector(p.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	switch {
	case !some && p.IPBlock == nil:
		return append(errs, field.Required(path, "must specify a peer"))
	case some && p.IPBlock != nil:
		return append(errs, field.Forbidden(path, "may not specify both ipBlock and another peer"))
	case p.IPBlock != nil:
		return append(errs, validateBlock(p.IPBlock, path.Child("ipBlock"))...)
	}
	return errs
}

func validateBlock(b *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(path.Child("cidr"), "")}
	}
	errs := validation.IsValidCIDR(path.Child("cidr"), b.CIDR)
	outer, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		// IsValidCIDR has said so.
		return errs
	}
	for i, except := range b.Except {
		at := path.Child("except").Index(i)
		inner, err := netip.ParsePrefix(except)
		if err != nil {
			errs = append(errs, validation.IsValidCIDR(at, except)...)
			continue
		}
		if !outer.Contains(inner.Addr()) || inner.Bits() <= outer.Bits() {
			errs = append(errs, field.Invalid(at, except, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

func validateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if len(c.Spec.Controller) > 250 {
		errs = append(errs, field.TooLong(path.Child("controller"), "", 250))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(path.Child("controller"), c.Spec.Controller)...)
	if p := c.Spec.Parameters; p != nil {
		if p.Kind == "" {
			errs = append(errs, field.Required(path.Child("parameters", "kind"), "kind is required"))
		}
		if p.Name == "" {
			errs = append(errs, field.Required(path.Child("parameters", "name"), "name is required"))
		}
	}
	return errs
}

func validateIngressClassUpdate(c, old *networkingv1.IngressClass) field.ErrorList {
	return append(validateIngressClass(c), apivalidation.ValidateImmutableField(c.Spec.Controller, old.Spec.Controller, field.NewPath("spec", "controller"))...)
}

func validIPName(name string, _ bool) []string {
	ip, err := netip.ParseAddr(name)
	if err != nil || ip.String() != name {
		return []string{"must be a valid IP address in canonical form"}
	}
	return nil
}

func validateServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	path := field.NewPath("spec", "cidrs")
	if len(c.Spec.CIDRs) == 0 {
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	}
	if len(c.Spec.CIDRs) > 2 {
		return field.ErrorList{field.Invalid(path, c.Spec, "may only hold up to 2 values")}
	}
	var errs field.ErrorList
	for i, cidr := range c.Spec.CIDRs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	return errs
}

func validateServiceCIDRUpdate(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	errs := validateServiceCIDR(c)
	if !equality.Semantic.DeepEqual(c.Spec.CIDRs, old.Spec.CIDRs) && !slices.Equal(old.Spec.CIDRs, c.Spec.CIDRs[:min(len(c.Spec.CIDRs), len(old.Spec.CIDRs))]) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "cidrs").Index(0), c.Spec.CIDRs, "field is immutable"))
	}
	return errs
}

func validateIPAddress(a *networkingv1.IPAddress) field.ErrorList {
	path := field.NewPath("spec", "parentRef")
	ref := a.Spec.ParentRef
	if ref == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if ref.Resource == "" {
		errs = append(errs, field.Required(path.Child("resource"), ""))
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	return errs
}

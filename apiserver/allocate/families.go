package allocate

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// settleFamilies settles which address families the service has, the primary first
// (KEP-563).
func (g *grant) settleFamilies() error {
	spec := &g.service.Spec
	if headless(g.service) && len(spec.Selector) == 0 {
		// Whoever writes its endpoints decides; the API's defaults say so.
		return nil
	}
	path := field.NewPath("spec")
	for n, family := range spec.IPFamilies {
		if !g.hasFamily(family) {
			return g.invalid(field.Invalid(path.Child("ipFamilies").Index(n), family, "not configured on this cluster"))
		}
	}
	policy := corev1.IPFamilyPolicySingleStack
	switch {
	case spec.IPFamilyPolicy != nil:
		policy = *spec.IPFamilyPolicy
	case len(spec.IPFamilies) > 1 || len(spec.ClusterIPs) > 1:
		policy = corev1.IPFamilyPolicyRequireDualStack
	}
	if policy == corev1.IPFamilyPolicyRequireDualStack && len(g.families) < 2 {
		return g.invalid(field.Invalid(path.Child("ipFamilyPolicy"), policy, "this cluster is not configured for dual-stack services"))
	}
	spec.IPFamilyPolicy = &policy
	g.trim(policy)
	for _, text := range spec.ClusterIPs {
		if ip, err := netip.ParseAddr(text); err == nil {
			g.addFamily(familyOf(ip))
		}
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{g.families[0]}
	}
	if policy != corev1.IPFamilyPolicySingleStack {
		for _, family := range g.families {
			g.addFamily(family)
		}
	}
	return nil
}

// trim takes the second family away when a service of two is made one of one
// by its policy alone.
func (g *grant) trim(policy corev1.IPFamilyPolicy) {
	spec := &g.service.Spec
	if policy != corev1.IPFamilyPolicySingleStack || g.old == nil || len(spec.IPFamilies) < 2 {
		return
	}
	if slices.Equal(spec.IPFamilies, g.old.Spec.IPFamilies) && slices.Equal(spec.ClusterIPs, g.old.Spec.ClusterIPs) {
		spec.IPFamilies = spec.IPFamilies[:1]
		spec.ClusterIPs = spec.ClusterIPs[:min(1, len(spec.ClusterIPs))]
	}
}

func (g *grant) hasFamily(family corev1.IPFamily) bool {
	return slices.Contains(g.families, family)
}

func (g *grant) addFamily(family corev1.IPFamily) {
	if !slices.Contains(g.service.Spec.IPFamilies, family) {
		g.service.Spec.IPFamilies = append(g.service.Spec.IPFamilies, family)
	}
}

func familyOf(ip netip.Addr) corev1.IPFamily {
	if ip.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

package allocate

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// settleFamilies settles which address families the service has, the primary first
// (KEP-563).
func (g *grant) settleFamilies() error {
	spec := &g.service.Spec
	selectorless := headless(g.service) && len(spec.Selector) == 0
	if selectorless && spec.IPFamilyPolicy == nil {
		// Whoever writes its endpoints decides; the API's defaults say so.
		return nil
	}
	policy := g.policy()
	spec.IPFamilyPolicy = &policy
	if errs := core.ValidateClusterIPs(g.service, g.old); len(errs) > 0 {
		return g.invalid(errs...)
	}
	errs := g.released(policy)
	g.trim(policy)
	if errs = append(errs, g.checkPolicy(policy)...); len(errs) > 0 {
		return g.invalid(errs...)
	}
	if selectorless {
		return nil
	}
	path := field.NewPath("spec")
	if policy == corev1.IPFamilyPolicyRequireDualStack && len(g.families) < 2 {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), policy, "this cluster is not configured for dual-stack services"))
	}
	for n, family := range spec.IPFamilies {
		if !g.hasFamily(family) {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(n), family, "not configured on this cluster"))
		}
	}
	if len(errs) > 0 {
		return g.invalid(errs...)
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

// policy is what the service asks for, what it was, or one family: two are only
// had by asking.
func (g *grant) policy() corev1.IPFamilyPolicy {
	switch {
	case g.service.Spec.IPFamilyPolicy != nil:
		return *g.service.Spec.IPFamilyPolicy
	case g.old != nil && g.old.Spec.IPFamilyPolicy != nil:
		return *g.old.Spec.IPFamilyPolicy
	}
	return corev1.IPFamilyPolicySingleStack
}

// checkPolicy compares the policy with the addresses and families, of which those
// that only the addresses tell are added.
func (g *grant) checkPolicy(policy corev1.IPFamilyPolicy) field.ErrorList {
	var errs field.ErrorList
	spec, path := &g.service.Spec, field.NewPath("spec")
	if policy == corev1.IPFamilyPolicySingleStack {
		const needs = "must be 'RequireDualStack' or 'PreferDualStack' when multiple "
		if len(spec.ClusterIPs) == 2 {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), policy, needs+"cluster IPs are specified"))
		}
		if len(spec.IPFamilies) == 2 {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), policy, needs+"IP families are specified"))
		}
	}
	for n, text := range spec.ClusterIPs {
		ip, err := netip.ParseAddr(text)
		if err != nil || n < len(spec.IPFamilies) {
			continue
		}
		family := familyOf(ip)
		if !g.hasFamily(family) {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(n), spec.ClusterIPs, string(family)+" is not configured on this cluster"))
			continue
		}
		g.addFamily(family)
	}
	return errs
}

// released refuses to give up the second address or family by the way: the policy
// must ask for one.
func (g *grant) released(policy corev1.IPFamilyPolicy) field.ErrorList {
	if policy == corev1.IPFamilyPolicySingleStack || g.old == nil {
		return nil
	}
	var errs field.ErrorList
	path := field.NewPath("spec", "ipFamilyPolicy")
	spec, old := &g.service.Spec, &g.old.Spec
	if n := len(spec.ClusterIPs); n > 0 && n < len(old.ClusterIPs) {
		errs = append(errs, field.Invalid(path, policy, "must be 'SingleStack' to release the secondary cluster IP"))
	}
	if n := len(spec.IPFamilies); n > 0 && n < len(old.IPFamilies) {
		errs = append(errs, field.Invalid(path, policy, "must be 'SingleStack' to release the secondary IP family"))
	}
	return errs
}

// trim takes the second address and family away when a service of two is made
// one of one by its policy alone.
func (g *grant) trim(policy corev1.IPFamilyPolicy) {
	spec := &g.service.Spec
	if policy != corev1.IPFamilyPolicySingleStack || g.old == nil {
		return
	}
	if slices.Equal(spec.ClusterIPs, g.old.Spec.ClusterIPs) {
		spec.ClusterIPs = spec.ClusterIPs[:min(1, len(spec.ClusterIPs))]
	}
	if slices.Equal(spec.IPFamilies, g.old.Spec.IPFamilies) {
		spec.IPFamilies = spec.IPFamilies[:min(1, len(spec.IPFamilies))]
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

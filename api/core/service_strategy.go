package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"
)

func serviceCreate(svc *corev1.Service) {
	svc.Status = corev1.ServiceStatus{}
	CompleteService(svc, nil)
	defaultFamilies(&svc.Spec)
}

func serviceUpdate(svc, old *corev1.Service) {
	svc.Status = old.Status
	CompleteService(svc, old)
	dropOfOtherType(&svc.Spec, &old.Spec)
	defaultFamilies(&svc.Spec)
}

// serviceStatus lets the status subresource change nothing but the status.
func serviceStatus(svc, old *corev1.Service) {
	svc.Spec = old.Spec
}

// CompleteService gives a service what it had, where its caller left that out, and
// makes its two fields of addresses agree; old is nil for a new one. Whoever
// allocates does it before.
func CompleteService(svc, old *corev1.Service) {
	if old == nil {
		syncClusterIPs(&svc.Spec, nil)
		return
	}
	keepAllocated(&svc.Spec, &old.Spec)
	syncClusterIPs(&svc.Spec, &old.Spec)
}

// syncClusterIPs keeps clusterIP the first of clusterIPs for clients that know
// only the older field (KEP-563).
func syncClusterIPs(s, old *corev1.ServiceSpec) {
	if old == nil {
		if s.ClusterIP != "" && len(s.ClusterIPs) == 0 {
			s.ClusterIPs = []string{s.ClusterIP}
		}
		return
	}
	// Only the older field was changed: the newer one follows.
	if s.ClusterIP != old.ClusterIP && slices.Equal(s.ClusterIPs, old.ClusterIPs) {
		s.ClusterIPs = nil
		if s.ClusterIP != "" {
			s.ClusterIPs = []string{s.ClusterIP}
		}
	}
}

func hasClusterIP(s *corev1.ServiceSpec) bool { return s.Type != corev1.ServiceTypeExternalName }

func hasNodePort(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer
}

func hasHealthCheckPort(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// keepAllocated gives an update that leaves out what was allocated, as one made
// from the user's own file does, the values that the service has.
func keepAllocated(s, old *corev1.ServiceSpec) {
	if hasClusterIP(s) && hasClusterIP(old) {
		if s.ClusterIP == "" {
			s.ClusterIP = old.ClusterIP
		}
		if len(s.ClusterIPs) == 0 {
			s.ClusterIPs = slices.Clone(old.ClusterIPs)
		}
		if s.IPFamilyPolicy == nil {
			s.IPFamilyPolicy = old.IPFamilyPolicy
		}
		if len(s.IPFamilies) == 0 {
			s.IPFamilies = slices.Clone(old.IPFamilies)
		}
	}
	if hasNodePort(s) && hasNodePort(old) {
		keepNodePorts(s.Ports, old.Ports)
	}
	if hasHealthCheckPort(s) && hasHealthCheckPort(old) && s.HealthCheckNodePort == 0 {
		s.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

// keepNodePorts knows a port by its name: its number may have changed.
func keepNodePorts(ports, old []corev1.ServicePort) {
	had, used := map[string]int32{}, map[int32]bool{}
	for _, p := range old {
		had[p.Name] = p.NodePort
	}
	for _, p := range ports {
		used[p.NodePort] = true
	}
	for i := range ports {
		p := &ports[i]
		if before := had[p.Name]; p.NodePort == 0 && !used[before] {
			p.NodePort = before
			used[before] = true
		}
	}
}

// dropOfOtherType clears what only the service's former type needed, unless the
// caller changed it too, which validation then refuses.
func dropOfOtherType(s, old *corev1.ServiceSpec) {
	if hasClusterIP(old) && !hasClusterIP(s) {
		dropAddresses(s, old)
	}
	if hasNodePort(old) && !hasNodePort(s) && sameNodePorts(s.Ports, old.Ports) {
		for i := range s.Ports {
			s.Ports[i].NodePort = 0
		}
	}
	if hasHealthCheckPort(old) && !hasHealthCheckPort(s) && s.HealthCheckNodePort == old.HealthCheckNodePort {
		s.HealthCheckNodePort = 0
	}
	if reachedFromOutside(old) && !reachedFromOutside(s) && s.ExternalTrafficPolicy == old.ExternalTrafficPolicy {
		s.ExternalTrafficPolicy = ""
	}
	if old.Type == corev1.ServiceTypeLoadBalancer && s.Type != corev1.ServiceTypeLoadBalancer {
		s.AllocateLoadBalancerNodePorts, s.LoadBalancerClass = nil, nil
	}
}

// dropAddresses clears each field about addresses that is as it was; a caller
// may have cleared some of them himself.
func dropAddresses(s, old *corev1.ServiceSpec) {
	if s.ClusterIP == old.ClusterIP && slices.Equal(s.ClusterIPs, old.ClusterIPs) {
		s.ClusterIP, s.ClusterIPs = "", nil
	}
	if slices.Equal(s.IPFamilies, old.IPFamilies) {
		s.IPFamilies = nil
	}
	if ptr.Equal(s.IPFamilyPolicy, old.IPFamilyPolicy) {
		s.IPFamilyPolicy = nil
	}
	if ptr.Equal(s.InternalTrafficPolicy, old.InternalTrafficPolicy) {
		s.InternalTrafficPolicy = nil
	}
}

func sameNodePorts(ports, old []corev1.ServicePort) bool {
	had := map[int32]bool{}
	for _, p := range old {
		had[p.NodePort] = true
	}
	for _, p := range ports {
		if !had[p.NodePort] {
			return false
		}
	}
	return true
}

// defaultFamilies says which address families the service uses: those of its
// addresses, IPv4 when it has none yet. A headless service without selector may
// be given endpoints of both.
func defaultFamilies(s *corev1.ServiceSpec) {
	if !hasClusterIP(s) {
		return
	}
	headless := s.ClusterIP == corev1.ClusterIPNone
	selectorless := headless && len(s.Selector) == 0
	if s.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		if selectorless || len(s.IPFamilies) > 1 || len(s.ClusterIPs) > 1 {
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		s.IPFamilyPolicy = &policy
	}
	if len(s.IPFamilies) > 0 {
		return
	}
	for _, ip := range s.ClusterIPs {
		switch {
		case netutils.IsIPv4String(ip):
			s.IPFamilies = append(s.IPFamilies, corev1.IPv4Protocol)
		case netutils.IsIPv6String(ip):
			s.IPFamilies = append(s.IPFamilies, corev1.IPv6Protocol)
		}
	}
	if len(s.IPFamilies) == 0 {
		s.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	if selectorless && *s.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(s.IPFamilies) == 1 {
		other := corev1.IPv6Protocol
		if s.IPFamilies[0] == other {
			other = corev1.IPv4Protocol
		}
		s.IPFamilies = append(s.IPFamilies, other)
	}
}

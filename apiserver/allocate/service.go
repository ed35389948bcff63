package allocate

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// hasAddress tells whether a service of this kind has cluster IPs.
func hasAddress(s *corev1.Service) bool {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, "":
		return true
	}
	return false
}

func headless(s *corev1.Service) bool {
	return s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.ClusterIPs) > 0 && s.Spec.ClusterIPs[0] == corev1.ClusterIPNone
}

// wantsPorts tells whether each port of the service gets a node port.
func wantsPorts(s *corev1.Service) bool {
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		return true
	case corev1.ServiceTypeLoadBalancer:
		return s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts
	}
	return false
}

// mayHavePorts tells whether the service may ask for node ports at all.
func mayHavePorts(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer
}

func wantsHealthPort(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// addressesOf lists the real cluster IPs of a service.
func addressesOf(s *corev1.Service) []netip.Addr {
	if s == nil || !hasAddress(s) || headless(s) {
		return nil
	}
	texts := s.Spec.ClusterIPs
	if len(texts) == 0 && s.Spec.ClusterIP != "" {
		texts = []string{s.Spec.ClusterIP}
	}
	var out []netip.Addr
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, ip.Unmap())
		}
	}
	return out
}

// portsOf lists the node ports that a service holds, each once.
func portsOf(s *corev1.Service) []int32 {
	if s == nil || !mayHavePorts(s) {
		return nil
	}
	var out []int32
	for _, p := range s.Spec.Ports {
		if p.NodePort != 0 && !slices.Contains(out, p.NodePort) {
			out = append(out, p.NodePort)
		}
	}
	if s.Spec.HealthCheckNodePort != 0 && !slices.Contains(out, s.Spec.HealthCheckNodePort) {
		out = append(out, s.Spec.HealthCheckNodePort)
	}
	return out
}

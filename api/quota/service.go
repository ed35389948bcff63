package quota

import corev1 "k8s.io/api/core/v1"

// addService adds the load balancer and node ports. Ports are counted by what is
// asked for: they may not be allocated yet.
func addService(out corev1.ResourceList, s *corev1.Service) {
	var ports, balancers int64
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		ports = int64(len(s.Spec.Ports))
	case corev1.ServiceTypeLoadBalancer:
		balancers = 1
		allocate := s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts
		for i := range s.Spec.Ports {
			if allocate || s.Spec.Ports[i].NodePort != 0 {
				ports++
			}
		}
	}
	out[corev1.ResourceServicesNodePorts], out[corev1.ResourceServicesLoadBalancers] = whole(ports), whole(balancers)
}

package discovery

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/api"
)

func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		api.FillPointer(&s.Ports[i].Name, "")
		api.FillPointer(&s.Ports[i].Protocol, corev1.ProtocolTCP)
	}
}

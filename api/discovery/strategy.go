package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/api"
)

func endpointSliceCreate(s *discoveryv1.EndpointSlice) {
	s.Generation = 1
}

func endpointSliceUpdate(s, old *discoveryv1.EndpointSlice) {
	api.BumpGeneration(s, old, []any{s.Endpoints, s.Ports, s.Labels, s.Annotations}, []any{old.Endpoints, old.Ports, old.Labels, old.Annotations})
}

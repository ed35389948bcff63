package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"minke/api"
)

func endpointSliceCreate(s *discoveryv1.EndpointSlice) {
	s.Generation = 1
	dropTopology(s.Endpoints)
}

func endpointSliceUpdate(s, old *discoveryv1.EndpointSlice) {
	if !equality.Semantic.DeepEqual(s.Endpoints, old.Endpoints) {
		dropTopology(s.Endpoints)
	}
	api.BumpGeneration(s, old, []any{s.Endpoints, s.Ports, s.Labels, s.Annotations}, []any{old.Endpoints, old.Ports, old.Labels, old.Annotations})
}

// dropTopology empties a field that older versions of the API had.
func dropTopology(endpoints []discoveryv1.Endpoint) {
	for i := range endpoints {
		endpoints[i].DeprecatedTopology = nil
	}
}

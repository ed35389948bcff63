package core

import corev1 "k8s.io/api/core/v1"

func endpointsWarnings(_, _ *corev1.Endpoints) []string {
	return []string{"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"}
}

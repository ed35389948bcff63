package aggregate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

type condition = apiregistrationv1.APIServiceCondition

func available(status apiregistrationv1.ConditionStatus, reason, message string) condition {
	return condition{Type: apiregistrationv1.Available, Status: status, Reason: reason, Message: message}
}

// judge tells why the server behind an APIService cannot be reached, as far as
// its Service and EndpointSlices show; nil when it is worth asking the server
// itself. Reasons and messages are Kubernetes' own.
func judge(s *service, target *corev1.Service, err error, slices []*discoveryv1.EndpointSlice) *condition {
	to := s.Spec.Service
	no := func(reason, format string, args ...any) *condition {
		c := available(apiregistrationv1.ConditionFalse, reason, fmt.Sprintf(format, args...))
		return &c
	}
	switch {
	case apierrors.IsNotFound(err):
		return no("ServiceNotFound", "service/%s in %q is not present", to.Name, to.Namespace)
	case err != nil:
		c := available(apiregistrationv1.ConditionUnknown, "ServiceAccessError",
			fmt.Sprintf("service/%s in %q cannot be checked due to: %v", to.Name, to.Namespace, err))
		return &c
	case target.Spec.Type != corev1.ServiceTypeClusterIP:
		return nil // who answers for it is not known here
	}
	port, found := portNamed(target, *to.Port)
	switch {
	case !found:
		return no("ServicePortError", "service/%s in %q is not listening on port %d", to.Name, to.Namespace, *to.Port)
	case len(slices) == 0:
		return no("EndpointsNotFound", "cannot find endpointslices for service/%s in %q", to.Name, to.Namespace)
	}
	for _, slice := range slices {
		if hasReady(slice) && hasPort(slice, port) {
			return nil
		}
	}
	return no("MissingEndpoints", "endpointslices for service/%s in %q have no addresses with port name %q", to.Name, to.Namespace, port)
}

// portNamed returns the name of the Service's port of that number.
func portNamed(s *corev1.Service, number int32) (string, bool) {
	for _, p := range s.Spec.Ports {
		if p.Port == number {
			return p.Name, true
		}
	}
	return "", false
}

func hasReady(slice *discoveryv1.EndpointSlice) bool {
	for _, e := range slice.Endpoints {
		if e.Conditions.Ready == nil || *e.Conditions.Ready {
			return true
		}
	}
	return false
}

func hasPort(slice *discoveryv1.EndpointSlice, name string) bool {
	for _, p := range slice.Ports {
		if p.Name != nil && *p.Name == name && p.Port != nil {
			return true
		}
	}
	return false
}

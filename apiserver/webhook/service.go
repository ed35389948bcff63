package webhook

import (
	"context"
	"fmt"
	"iter"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/backend"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Services finds where Services are reached from the API server.
type Services struct {
	Reader Reader
	// Slices, when set, lists the EndpointSlices of a namespace, and makes a
	// ready endpoint the address instead of the cluster IP.
	Slices func(namespace string) (iter.Seq[runtime.Object], error)
}

var services = corev1.SchemeGroupVersion.WithResource("services")

// Address returns the "host:port" to dial for a port of a Service: its cluster
// IP, or the name that an ExternalName service stands for. The port is a number
// that the service has.
func (s Services) Address(ctx context.Context, namespace, name string, port int32) (string, error) {
	obj, err := s.Reader.Get(ctx, services, namespace, name)
	if err != nil {
		return "", err
	}
	service, ok := obj.(*corev1.Service)
	if !ok {
		return "", fmt.Errorf("resolve service %s/%s: found a %T", namespace, name, obj)
	}
	host := service.Spec.ClusterIP
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		if host = service.Spec.ExternalName; host == "" {
			return "", fmt.Errorf("service %q has no external name", name)
		}
		return net.JoinHostPort(host, strconv.Itoa(int(port))), nil
	case s.Slices != nil:
		return s.endpoint(service, port)
	case host == "" || host == corev1.ClusterIPNone:
		return "", fmt.Errorf("cannot route to service with ClusterIP %q", host)
	}
	for _, p := range service.Spec.Ports {
		if p.Port == port {
			return net.JoinHostPort(host, strconv.Itoa(int(port))), nil
		}
	}
	return "", fmt.Errorf("no service port %d found for service %q", port, name)
}

// endpoint returns the address of a ready endpoint.
func (s Services) endpoint(service *corev1.Service, port int32) (string, error) {
	for _, p := range service.Spec.Ports {
		if p.Port != port {
			continue
		}
		slices, err := s.Slices(service.Namespace)
		if err != nil {
			return "", err
		}
		host, number, err := backend.Endpoint(slices, service.Name, p.Name)
		return net.JoinHostPort(host, strconv.Itoa(int(number))), err
	}
	return "", fmt.Errorf("no service port %d found for service %q", port, service.Name)
}

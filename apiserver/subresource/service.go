package subresource

import (
	"fmt"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"minke/apiserver/backend"
	"minke/apiserver/request"
)

var slices = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")

// serviceProxy passes a request on to one of a service's ready endpoints. The
// name may say "scheme:name:port", where port is a name or number of the
// service's ports.
func (s *Server) serviceProxy(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	if err := s.connect(r, &corev1.ServiceProxyOptions{TypeMeta: coreType("ServiceProxyOptions"), Path: proxyPath(r)}); err != nil {
		return err
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(info.Name)
	if !valid {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid service request %q", info.Name))
	}
	service, err := getAs[*corev1.Service](s, r.Context(), "services", info.Namespace, name)
	if err != nil {
		return err
	}
	wanted, err := servicePort(service, port)
	if err != nil {
		return err
	}
	host, number, err := s.endpoint(service, wanted)
	if err != nil {
		return err
	}
	place, err := s.inNetwork(scheme, host, strconv.Itoa(int(number)))
	if err != nil {
		return err
	}
	return s.pass(w, r, place)
}

// servicePort returns the name of the service's port that is meant.
func servicePort(service *corev1.Service, port string) (string, error) {
	if port == "" && len(service.Spec.Ports) == 1 {
		return service.Spec.Ports[0].Name, nil
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return port, nil
	}
	for _, p := range service.Spec.Ports {
		if int64(p.Port) == number {
			return p.Name, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %d found for service %q", number, service.Name))
}

// endpoint picks one of the ready endpoints at random.
func (s *Server) endpoint(service *corev1.Service, port string) (string, int32, error) {
	all, _, err := s.Reader.Snapshot(slices, service.Namespace)
	if err != nil {
		return "", 0, err
	}
	return backend.Endpoint(all, service.Name, port)
}

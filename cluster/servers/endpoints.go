package servers

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serviceName is that of the Service in the namespace default by which pods
// reach the API, and of its Endpoints and EndpointSlice.
const serviceName = "kubernetes"

// portName is the name of the Service's port.
const portName = "https"

// Endpoints are the Endpoints of the Service default/kubernetes when the API is
// served at addresses.
func Endpoints(addresses []netip.Addr, port int32) *corev1.Endpoints {
	e := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{
		Name: serviceName, Namespace: metav1.NamespaceDefault,
		// Its EndpointSlice is written beside it, not mirrored.
		Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"},
	}}
	subset := corev1.EndpointSubset{Ports: []corev1.EndpointPort{{Name: portName, Port: port, Protocol: corev1.ProtocolTCP}}}
	for _, a := range sorted(addresses) {
		subset.Addresses = append(subset.Addresses, corev1.EndpointAddress{IP: a.String()})
	}
	if len(addresses) > 0 {
		e.Subsets = []corev1.EndpointSubset{subset}
	}
	return e
}

// Slice is the EndpointSlice beside Endpoints. Addresses are of one family.
func Slice(addresses []netip.Addr, port int32) *discoveryv1.EndpointSlice {
	name, tcp, ready := portName, corev1.ProtocolTCP, true
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: serviceName, Namespace: metav1.NamespaceDefault,
			Labels: map[string]string{discoveryv1.LabelServiceName: serviceName},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &tcp}},
	}
	for _, a := range sorted(addresses) {
		if a.Is6() {
			s.AddressType = discoveryv1.AddressTypeIPv6
		}
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a.String()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}})
	}
	return s
}

// sorted returns addresses in order, each once: all servers write the same.
func sorted(addresses []netip.Addr) []netip.Addr {
	out := slices.Clone(addresses)
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

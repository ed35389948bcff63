package endpointslice

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/controllers/podcontrol"
)

// group is the endpoints that share an address type and ports, so that they can
// share slices.
type group struct {
	family    discoveryv1.AddressType
	ports     []discoveryv1.EndpointPort
	endpoints map[endpointKey]discoveryv1.Endpoint
}

// endpointKey identifies an endpoint within a group.
type endpointKey struct {
	uid     types.UID
	address string
}

func keyOf(e *discoveryv1.Endpoint) endpointKey {
	key := endpointKey{}
	if e.TargetRef != nil {
		key.uid = e.TargetRef.UID
	}
	if len(e.Addresses) > 0 {
		key.address = e.Addresses[0]
	}
	return key
}

// families returns the address types that the service wants.
func families(service *corev1.Service) []discoveryv1.AddressType {
	var types []discoveryv1.AddressType
	for _, f := range service.Spec.IPFamilies {
		types = append(types, discoveryv1.AddressType(f))
	}
	if len(types) > 0 {
		return types
	}
	if addr, err := netip.ParseAddr(service.Spec.ClusterIP); err == nil && addr.Is6() {
		return []discoveryv1.AddressType{discoveryv1.AddressTypeIPv6}
	}
	return []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4}
}

// addressOf returns the pod's address of the type, or "".
func addressOf(pod *corev1.Pod, family discoveryv1.AddressType) string {
	ips := pod.Status.PodIPs
	if len(ips) == 0 && pod.Status.PodIP != "" {
		ips = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
	for _, ip := range ips {
		addr, err := netip.ParseAddr(ip.IP)
		if err == nil && addr.Is6() == (family == discoveryv1.AddressTypeIPv6) {
			return ip.IP
		}
	}
	return ""
}

// endpointOf describes the pod as an endpoint of the service.
func endpointOf(pod *corev1.Pod, service *corev1.Service, address string, zone string) discoveryv1.Endpoint {
	serving := podcontrol.Ready(pod)
	leaving := pod.DeletionTimestamp != nil
	ready := service.Spec.PublishNotReadyAddresses || serving && !leaving
	e := discoveryv1.Endpoint{
		Addresses:  []string{address},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &leaving},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if pod.Spec.NodeName != "" {
		node := pod.Spec.NodeName
		e.NodeName = &node
	}
	if zone != "" {
		e.Zone = &zone
	}
	if pod.Spec.Hostname != "" && pod.Spec.Subdomain == service.Name {
		hostname := pod.Spec.Hostname
		e.Hostname = &hostname
	}
	e.Hints = hints(service, &e)
	return e
}

// hints tell the proxies whom a ready endpoint is meant for, where the service
// prefers near ones (KEP-4444, KEP-3015): those of its zone, and before them
// those of its node.
func hints(service *corev1.Service, e *discoveryv1.Endpoint) *discoveryv1.EndpointHints {
	if service.Spec.TrafficDistribution == nil || byTopology(service) || !*e.Conditions.Ready {
		return nil
	}
	var h discoveryv1.EndpointHints
	switch *service.Spec.TrafficDistribution {
	case corev1.ServiceTrafficDistributionPreferSameNode:
		if e.NodeName != nil {
			h.ForNodes = []discoveryv1.ForNode{{Name: *e.NodeName}}
		}
	case corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferClose:
	default:
		return nil
	}
	if e.Zone != nil {
		h.ForZones = []discoveryv1.ForZone{{Name: *e.Zone}}
	}
	if h.ForNodes == nil && h.ForZones == nil {
		return nil
	}
	return &h
}

// portsOf resolves the service's ports for one pod: named target ports may
// differ from pod to pod. A name that the pod lacks is left out.
func portsOf(pod *corev1.Pod, service *corev1.Service) []discoveryv1.EndpointPort {
	ports := []discoveryv1.EndpointPort{}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		number, ok := TargetPort(pod, p)
		if !ok {
			continue
		}
		name, protocol := p.Name, cmp.Or(p.Protocol, corev1.ProtocolTCP)
		ports = append(ports, discoveryv1.EndpointPort{Name: &name, Port: &number, Protocol: &protocol, AppProtocol: p.AppProtocol})
	}
	slices.SortFunc(ports, comparePorts)
	return ports
}

func comparePorts(a, b discoveryv1.EndpointPort) int {
	return cmp.Or(cmp.Compare(value(a.Name), value(b.Name)), cmp.Compare(value(a.Protocol), value(b.Protocol)), cmp.Compare(value(a.Port), value(b.Port)))
}

func value[V any](p *V) V {
	if p == nil {
		var none V
		return none
	}
	return *p
}

// TargetPort finds the number of the service port on the pod.
func TargetPort(pod *corev1.Pod, p *corev1.ServicePort) (int32, bool) {
	if p.TargetPort.Type == 0 {
		return cmp.Or(p.TargetPort.IntVal, p.Port), true
	}
	protocol := cmp.Or(p.Protocol, corev1.ProtocolTCP)
	find := func(c *corev1.Container) (int32, bool) {
		for _, port := range c.Ports {
			if port.Name == p.TargetPort.StrVal && cmp.Or(port.Protocol, corev1.ProtocolTCP) == protocol {
				return port.ContainerPort, true
			}
		}
		return 0, false
	}
	for i := range pod.Spec.Containers {
		if n, ok := find(&pod.Spec.Containers[i]); ok {
			return n, true
		}
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			continue
		}
		if n, ok := find(c); ok {
			return n, true
		}
	}
	return 0, false
}

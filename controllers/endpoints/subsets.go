package endpoints

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"minke/controllers/endpointslice"
	"minke/controllers/podcontrol"
)

// maxAddresses is the most that one Endpoints object carries.
const maxAddresses = 1000

// subsetsOf groups the pods' addresses by the ports they offer, and tells
// whether some were left out because there are too many.
func subsetsOf(service *corev1.Service, pods []*corev1.Pod) ([]corev1.EndpointSubset, bool) {
	var subsets []corev1.EndpointSubset
	count, truncated := 0, false
	for _, pod := range pods {
		ip := addressOf(service, pod)
		if ip == "" || podcontrol.Finished(pod) || pod.DeletionTimestamp != nil && !service.Spec.PublishNotReadyAddresses {
			continue
		}
		if count == maxAddresses {
			truncated = true
			break
		}
		ports, any := portsOf(service, pod)
		if !any {
			continue
		}
		count++
		s := subset(&subsets, ports)
		a := address(service, pod, ip)
		if service.Spec.PublishNotReadyAddresses || podcontrol.Ready(pod) {
			s.Addresses = append(s.Addresses, a)
		} else {
			s.NotReadyAddresses = append(s.NotReadyAddresses, a)
		}
	}
	for i := range subsets {
		slices.SortFunc(subsets[i].Addresses, byIP)
		slices.SortFunc(subsets[i].NotReadyAddresses, byIP)
	}
	return subsets, truncated
}

func byIP(a, b corev1.EndpointAddress) int {
	return cmp.Or(strings.Compare(a.IP, b.IP), strings.Compare(a.TargetRef.Name, b.TargetRef.Name))
}

// addressOf returns the pod's address of the service's first family.
func addressOf(service *corev1.Service, pod *corev1.Pod) string {
	if len(service.Spec.IPFamilies) == 0 {
		return pod.Status.PodIP
	}
	six := service.Spec.IPFamilies[0] == corev1.IPv6Protocol
	for _, ip := range append(slices.Clone(pod.Status.PodIPs), corev1.PodIP{IP: pod.Status.PodIP}) {
		if addr, err := netip.ParseAddr(ip.IP); err == nil && addr.Is6() == six {
			return ip.IP
		}
	}
	return ""
}

func address(service *corev1.Service, pod *corev1.Pod, ip string) corev1.EndpointAddress {
	a := corev1.EndpointAddress{
		IP:        ip,
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if pod.Spec.NodeName != "" {
		node := pod.Spec.NodeName
		a.NodeName = &node
	}
	if pod.Spec.Hostname != "" && pod.Spec.Subdomain == service.Name {
		a.Hostname = pod.Spec.Hostname
	}
	return a
}

// portsOf resolves the service's ports for the pod. A headless service may have
// none; any other pod without a port is no endpoint.
func portsOf(service *corev1.Service, pod *corev1.Pod) ([]corev1.EndpointPort, bool) {
	var ports []corev1.EndpointPort
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		number, ok := endpointslice.TargetPort(pod, p)
		if !ok {
			continue
		}
		ports = append(ports, corev1.EndpointPort{
			Name: p.Name, Port: number, Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP), AppProtocol: p.AppProtocol,
		})
	}
	slices.SortFunc(ports, func(a, b corev1.EndpointPort) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), strings.Compare(string(a.Protocol), string(b.Protocol)))
	})
	return ports, len(ports) > 0 || len(service.Spec.Ports) == 0 && service.Spec.ClusterIP == corev1.ClusterIPNone
}

func subset(subsets *[]corev1.EndpointSubset, ports []corev1.EndpointPort) *corev1.EndpointSubset {
	for i := range *subsets {
		if equality.Semantic.DeepEqual((*subsets)[i].Ports, ports) {
			return &(*subsets)[i]
		}
	}
	*subsets = append(*subsets, corev1.EndpointSubset{Ports: ports})
	return &(*subsets)[len(*subsets)-1]
}

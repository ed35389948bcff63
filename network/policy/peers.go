package policy

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"golang.org/x/sys/unix"

	"minke/network/nft"
)

// peer matches the other side: what connects to the pod, or what it connects to.
func (w *writer) peer(d direction, namespace string, p networkingv1.NetworkPolicyPeer) []rule {
	if p.IPBlock != nil {
		return w.block(d, p.IPBlock)
	}
	pods, err := selectorOrAll(p.PodSelector)
	if err != nil {
		return nil // validation does not let it in
	}
	spaces := labels.Nothing()
	where := "in " + namespace
	if p.NamespaceSelector != nil {
		if spaces, err = metav1.LabelSelectorAsSelector(p.NamespaceSelector); err != nil {
			return nil
		}
		where = "of " + spaces.String()
	}
	setName := name("peers", fmt.Sprintf("pods %s %s", pods, where))
	if _, written := w.sets[setName]; !written {
		s := set{elements: map[string]bool{}}
		for _, pod := range w.seen.pods {
			here := pod.Namespace == namespace
			if p.NamespaceSelector != nil {
				here = spaces.Matches(w.namespaces[pod.Namespace])
			}
			if !here || !pods.Matches(labels.Set(pod.Labels)) {
				continue
			}
			for _, a := range w.addresses(pod) {
				s.elements[string(nft.Addr(a))] = true
			}
		}
		w.sets[setName] = s
	}
	load := w.Src(nft.Reg)
	if d == egress {
		load = w.Dst(nft.Reg)
	}
	return []rule{{string(d) + " " + setName, nft.Join(load, nft.In(w.setNamed(setName, false)))}}
}

func selectorOrAll(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// block matches a network without its exceptions.
func (w *writer) block(d direction, b *networkingv1.IPBlock) []rule {
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil || !w.Has(cidr.Addr()) {
		return nil
	}
	within, outside := w.SrcIn, w.SrcOutside
	if d == egress {
		within, outside = w.DstIn, w.DstOutside
	}
	expr := within(cidr)
	for _, text := range b.Except {
		if except, err := netip.ParsePrefix(text); err == nil && w.Has(except.Addr()) {
			expr = append(expr, outside(except)...)
		}
	}
	return []rule{{fmt.Sprintf("%s %s except %v", d, b.CIDR, b.Except), expr}}
}

var protocols = map[corev1.Protocol]byte{corev1.ProtocolTCP: unix.IPPROTO_TCP, corev1.ProtocolUDP: unix.IPPROTO_UDP, corev1.ProtocolSCTP: unix.IPPROTO_SCTP}

// port matches the port that is connected to, which for a name each
// destination pod has its own.
func (w *writer) port(p networkingv1.NetworkPolicyPort) []rule {
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	proto, known := protocols[protocol]
	switch {
	case !known:
		return nil
	case p.Port == nil:
		return []rule{{string(protocol), nft.Proto(proto)}}
	case p.Port.Type == intstr.String:
		return w.namedPort(p.Port.StrVal, protocol)
	}
	first, last := uint16(p.Port.IntVal), uint16(p.Port.IntVal)
	if p.EndPort != nil {
		last = uint16(*p.EndPort)
	}
	return []rule{{fmt.Sprintf("%s %d-%d", protocol, first, last), nft.Join(nft.Proto(proto), nft.DstPortIn(first, last))}}
}

func (w *writer) namedPort(port string, protocol corev1.Protocol) []rule {
	setName := name("port", strings.ToLower(string(protocol))+"/"+port)
	if _, written := w.sets[setName]; !written {
		s := set{withPort: true, elements: map[string]bool{}}
		for _, pod := range w.seen.pods {
			for _, number := range numbersOf(pod, port, protocol) {
				for _, a := range w.addresses(pod) {
					s.elements[string(nft.Key(nft.Addr(a), []byte{protocols[protocol]}, nft.Port(number)))] = true
				}
			}
		}
		w.sets[setName] = s
	}
	return []rule{{setName, nft.Join(w.Dst(nft.Reg), nft.ProtoPort(nft.Reg+w.Regs), nft.In(w.setNamed(setName, true)))}}
}

func numbersOf(pod *corev1.Pod, name string, protocol corev1.Protocol) (numbers []uint16) {
	read := func(containers []corev1.Container) {
		for _, c := range containers {
			for _, p := range c.Ports {
				if p.Name == name && (p.Protocol == protocol || p.Protocol == "" && protocol == corev1.ProtocolTCP) {
					numbers = append(numbers, uint16(p.ContainerPort))
				}
			}
		}
	}
	read(pod.Spec.Containers)
	read(pod.Spec.InitContainers) // sidecars
	return numbers
}

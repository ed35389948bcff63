package overlay

import (
	"hash/fnv"
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// peer is another node.
type peer struct {
	ip      netip.Addr
	subnets []netip.Prefix
}

func (p peer) equal(o peer) bool { return p.ip == o.ip && slices.Equal(p.subnets, o.subnets) }

// peerOf reads a node. Without an address of the family, or without a pod
// network, there is nothing to reach.
func peerOf(n *corev1.Node, family netip.Addr) (peer, bool) {
	var p peer
	for _, a := range n.Status.Addresses {
		ip, err := netip.ParseAddr(a.Address)
		if a.Type == corev1.NodeInternalIP && err == nil && ip.Unmap().Is4() == family.Is4() {
			p.ip = ip.Unmap()
			break
		}
	}
	p.subnets = subnetsOf(n)
	return p, p.ip.IsValid() && len(p.subnets) > 0
}

func subnetsOf(n *corev1.Node) []netip.Prefix {
	cidrs := n.Spec.PodCIDRs
	if len(cidrs) == 0 && n.Spec.PodCIDR != "" {
		cidrs = []string{n.Spec.PodCIDR}
	}
	var subnets []netip.Prefix
	for _, text := range cidrs {
		if s, err := netip.ParsePrefix(text); err == nil {
			subnets = append(subnets, s.Masked())
		}
	}
	return subnets
}

// tunnelMAC is the hardware address of a node's end of the tunnel. 0a is a
// locally administered prefix; an IPv4 address fills the rest.
func tunnelMAC(node netip.Addr) net.HardwareAddr {
	mac := net.HardwareAddr{0x0a, 0x59, 0, 0, 0, 0}
	if node.Is4() {
		copy(mac[2:], node.AsSlice())
		return mac
	}
	h := fnv.New32a()
	h.Write(node.AsSlice())
	h.Sum(mac[2:2])
	return mac
}

// nextHop is the address by which routes into the subnet name the node's end
// of the tunnel: the subnet's own first address for IPv4; for IPv6 the
// link-local address that follows from the hardware address (RFC 4291, app. A).
func nextHop(subnet netip.Prefix, mac net.HardwareAddr) netip.Addr {
	if subnet.Addr().Is4() {
		return subnet.Addr()
	}
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

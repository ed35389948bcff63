// Package conntrack forgets connections that the kernel still translates to
// endpoints that are gone. TCP ends by itself; a UDP client that keeps its port
// would be sent to the old endpoint for as long as it keeps talking.
package conntrack

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"minke/network/nft"
)

// Flow is a tracked connection as its first packet saw it and as it is
// answered.
type Flow struct {
	Proto uint8
	// Dst is what the client sent to.
	Dst netip.AddrPort
	// Answers is who answers: the endpoint, where the destination was translated.
	Answers netip.AddrPort
}

// Forget deletes the family's flows that match says yes to and returns how many
// there were. The handle needs NETLINK_NETFILTER.
func Forget(h *netlink.Handle, f nft.Family, match func(Flow) bool) (int, error) {
	n, err := h.ConntrackDeleteFilters(netlink.ConntrackTable, netlink.InetFamily(f.Proto), filter(match))
	if err != nil {
		return int(n), fmt.Errorf("forget connections: %w", err)
	}
	return int(n), nil
}

type filter func(Flow) bool

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (f filter) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	dst, ok := netip.AddrFromSlice(c.Forward.DstIP)
	src, also := netip.AddrFromSlice(c.Reverse.SrcIP)
	return ok && also && f(Flow{
		Proto:   c.Forward.Protocol,
		Dst:     netip.AddrPortFrom(dst.Unmap(), c.Forward.DstPort),
		Answers: netip.AddrPortFrom(src.Unmap(), c.Reverse.SrcPort),
	})
}

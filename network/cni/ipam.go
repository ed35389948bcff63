package cni

import (
	"fmt"
	"net/netip"
)

// ipam gives out addresses in turn: an address that was freed comes again only
// after all the others, so that late packets do not reach a new pod.
type ipam struct {
	subnets []netip.Prefix
	used    map[netip.Addr]string // address to sandbox
	last    map[bool]netip.Addr   // the address given out last, by Is4
}

func newIPAM() *ipam {
	return &ipam{used: map[netip.Addr]string{}, last: map[bool]netip.Addr{}}
}

// setSubnets refuses what no pod could get an address from.
func (i *ipam) setSubnets(subnets []netip.Prefix) error {
	seen := map[bool]bool{}
	for _, s := range subnets {
		switch {
		case !s.IsValid() || s.Addr().BitLen()-s.Bits() < 2:
			return fmt.Errorf("use pod network %s: it has no room for a gateway and a pod", s)
		case seen[s.Addr().Is4()]:
			return fmt.Errorf("use pod network %s: a node has at most one of each family", s)
		}
		seen[s.Addr().Is4()] = true
	}
	i.subnets = subnets
	return nil
}

// reserve picks one free address of each subnet for the sandbox.
func (i *ipam) reserve(sandbox string) ([]netip.Addr, error) {
	var got []netip.Addr
	for _, s := range i.subnets {
		a, err := i.next(s)
		if err != nil {
			i.release(got)
			return nil, err
		}
		i.take(a, sandbox)
		got = append(got, a)
	}
	return got, nil
}

func (i *ipam) next(subnet netip.Prefix) (netip.Addr, error) {
	first := gateway(subnet).Next()
	start := i.last[subnet.Addr().Is4()]
	if !subnet.Contains(start) {
		start = gateway(subnet)
	}
	a := start
	// At most one more step than addresses are in use finds a free one.
	for range len(i.used) + 3 {
		a = a.Next()
		if !usable(a, subnet) {
			a = first
		}
		if _, taken := i.used[a]; !taken && usable(a, subnet) {
			return a, nil
		}
		if a == start {
			break
		}
	}
	return netip.Addr{}, fmt.Errorf("reserve an address: all of %s are in use", subnet)
}

// usable excludes the end of an IPv4 network, which is its broadcast address.
func usable(a netip.Addr, subnet netip.Prefix) bool {
	return subnet.Contains(a) && (a.Is6() || subnet.Contains(a.Next()))
}

func (i *ipam) take(a netip.Addr, sandbox string) {
	i.used[a] = sandbox
	i.last[a.Is4()] = a
}

func (i *ipam) release(addrs []netip.Addr) {
	for _, a := range addrs {
		delete(i.used, a)
	}
}

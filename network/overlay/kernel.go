package overlay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeProtocol marks our routes, so that they are known after a restart and
// nobody else's are touched.
const routeProtocol = 77

// The tunnel's headers, in bytes (RFC 7348: outer IP, UDP, VXLAN, inner Ethernet).
const (
	overhead4 = 50
	overhead6 = 70
)

// MTU is what pods' packets may measure with the backend, given the interface
// that has the node's IP, in the calling thread's network namespace.
func MTU(backend Backend, nodeIP netip.Addr) (int, error) {
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return 0, fmt.Errorf("find MTU: %w", err)
	}
	defer kernel.Close()
	link, err := linkOf(kernel, nodeIP.Unmap())
	if err != nil {
		return 0, fmt.Errorf("find MTU: %w", err)
	}
	return mtu(backend, nodeIP.Unmap(), link.Attrs().MTU), nil
}

func mtu(backend Backend, nodeIP netip.Addr, under int) int {
	switch {
	case backend == HostGateway:
		return under
	case nodeIP.Is4():
		return under - overhead4
	default:
		return under - overhead6
	}
}

// linkOf is the interface that has the address.
func linkOf(kernel *netlink.Handle, ip netip.Addr) (netlink.Link, error) {
	addrs, err := kernel.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if have, ok := netip.AddrFromSlice(a.IP); ok && have.Unmap() == ip {
			return kernel.LinkByIndex(a.LinkIndex)
		}
	}
	return nil, fmt.Errorf("no interface has the node's IP %s", ip)
}

// device returns the interface that routes go by: the tunnel, made as it must
// be, or with host-gw the node's own.
func (o *Overlay) device(own []netip.Prefix) (netlink.Link, error) {
	under, err := linkOf(o.kernel, o.cfg.NodeIP)
	if err != nil || o.cfg.Backend == HostGateway {
		return under, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = o.cfg.Device, tunnelMAC(o.cfg.NodeIP)
	attrs.MTU = mtu(VXLAN, o.cfg.NodeIP, under.Attrs().MTU)
	want := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: o.cfg.VNI, Port: o.cfg.Port, SrcAddr: o.cfg.NodeIP.AsSlice(), VtepDevIndex: under.Attrs().Index}
	link, err := o.adopt(want)
	if err != nil {
		return nil, err
	}
	for _, s := range own {
		// So that what the node itself sends to pods elsewhere has an address
		// that leads back here.
		if s.Addr().Is4() {
			a := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(s.Addr(), 32))}
			if err := o.kernel.AddrReplace(link, a); err != nil {
				return nil, fmt.Errorf("add %s: %w", s.Addr(), err)
			}
		}
	}
	return link, o.kernel.LinkSetUp(link)
}

// adopt takes the existing device if it is the same tunnel, else makes it anew.
func (o *Overlay) adopt(want *netlink.Vxlan) (netlink.Link, error) {
	have, err := o.kernel.LinkByName(want.Name)
	if err == nil {
		v, ok := have.(*netlink.Vxlan)
		if ok && v.VxlanId == want.VxlanId && v.Port == want.Port && v.SrcAddr.Equal(want.SrcAddr) && v.VtepDevIndex == want.VtepDevIndex &&
			v.HardwareAddr.String() == want.HardwareAddr.String() && !v.Learning {
			if v.MTU != want.MTU {
				return v, o.kernel.LinkSetMTU(v, want.MTU)
			}
			return v, nil
		}
		if err := o.kernel.LinkDel(have); err != nil {
			return nil, err
		}
	} else if !gone(err) {
		return nil, err
	}
	if err := o.kernel.LinkAdd(want); err != nil {
		return nil, err
	}
	return o.kernel.LinkByName(want.Name)
}

// reach makes the peer's pods reachable: the way to the node first, then the
// routes that use it.
func (o *Overlay) reach(p peer) error {
	mac := tunnelMAC(p.ip)
	if o.cfg.Backend == VXLAN {
		if err := o.kernel.NeighSet(o.forwarding(p.ip, mac)); err != nil {
			return fmt.Errorf("direct the tunnel to %s: %w", p.ip, err)
		}
	} else if err := o.mustBeNeighbour(p.ip); err != nil {
		return err
	}
	for _, s := range p.subnets {
		if o.cfg.Backend == VXLAN {
			if err := o.kernel.NeighSet(o.neighbour(nextHop(s, mac), mac)); err != nil {
				return fmt.Errorf("add neighbour %s: %w", nextHop(s, mac), err)
			}
		}
		if r, ok := o.route(p, s); ok {
			if err := o.kernel.RouteReplace(r); err != nil {
				return fmt.Errorf("add route %s: %w", s, err)
			}
		}
	}
	return nil
}

// leave undoes reach, except for what the peer that takes its place needs too.
func (o *Overlay) leave(p, next peer) error {
	mac := tunnelMAC(p.ip)
	for _, s := range p.subnets {
		if slices.Contains(next.subnets, s) && next.ip.IsValid() {
			continue // replaced in place, without a gap
		}
		if r, ok := o.route(p, s); ok {
			if err := o.kernel.RouteDel(r); err != nil && !gone(err) {
				return fmt.Errorf("remove route %s: %w", s, err)
			}
		}
		if o.cfg.Backend == VXLAN {
			if err := o.kernel.NeighDel(o.neighbour(nextHop(s, mac), mac)); err != nil && !gone(err) {
				return fmt.Errorf("remove neighbour %s: %w", nextHop(s, mac), err)
			}
		}
	}
	if o.cfg.Backend == VXLAN && p.ip != next.ip {
		if err := o.kernel.NeighDel(o.forwarding(p.ip, mac)); err != nil && !gone(err) {
			return fmt.Errorf("close the tunnel to %s: %w", p.ip, err)
		}
	}
	return nil
}

func (o *Overlay) forwarding(node netip.Addr, mac net.HardwareAddr) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: o.link.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_PERMANENT, Flags: netlink.NTF_SELF,
		IP: node.AsSlice(), HardwareAddr: mac}
}

func (o *Overlay) neighbour(ip netip.Addr, mac net.HardwareAddr) *netlink.Neigh {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	return &netlink.Neigh{LinkIndex: o.link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT, IP: ip.AsSlice(), HardwareAddr: mac}
}

// route into one of the peer's subnets; with host-gw only for those of the
// family in which the node is known.
func (o *Overlay) route(p peer, s netip.Prefix) (*netlink.Route, bool) {
	r := &netlink.Route{LinkIndex: o.link.Attrs().Index, Dst: ipNet(s), Protocol: routeProtocol}
	if o.cfg.Backend == HostGateway {
		r.Gw = p.ip.AsSlice()
		return r, p.ip.Is4() == s.Addr().Is4()
	}
	r.Gw, r.Flags = nextHop(s, tunnelMAC(p.ip)).AsSlice(), int(netlink.FLAG_ONLINK)
	return r, true
}

// mustBeNeighbour refuses a node that a router stands before: it would not
// know where pods are.
func (o *Overlay) mustBeNeighbour(ip netip.Addr) error {
	routes, err := o.kernel.RouteGet(ip.AsSlice())
	if err != nil {
		return fmt.Errorf("find the way to %s: %w", ip, err)
	}
	if len(routes) == 0 || len(routes[0].Gw) > 0 || routes[0].LinkIndex != o.link.Attrs().Index {
		return fmt.Errorf("%s is not a neighbour on %s: use backend %q", ip, o.link.Attrs().Name, VXLAN)
	}
	return nil
}

func ourRoutes(kernel *netlink.Handle) ([]netlink.Route, error) {
	var all []netlink.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := kernel.RouteListFiltered(family, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
		if err != nil {
			if family == netlink.FAMILY_V6 && errors.Is(err, syscall.EAFNOSUPPORT) {
				continue
			}
			return nil, fmt.Errorf("list routes: %w", err)
		}
		all = append(all, routes...)
	}
	return all, nil
}

// pruneTunnel removes the tunnel's entries that no peer stands behind.
func (o *Overlay) pruneTunnel() error {
	wanted := map[string]bool{}
	for _, p := range o.peers {
		wanted[p.ip.String()] = true
		for _, s := range p.subnets {
			wanted[nextHop(s, tunnelMAC(p.ip)).String()] = true
		}
	}
	var errs error
	for _, family := range []int{unix.AF_BRIDGE, unix.AF_INET, unix.AF_INET6} {
		entries, err := o.kernel.NeighList(o.link.Attrs().Index, family)
		if err != nil {
			return fmt.Errorf("list tunnel entries: %w", err)
		}
		for _, e := range entries {
			ip, ok := netip.AddrFromSlice(e.IP)
			if !ok || wanted[ip.Unmap().String()] || e.State&netlink.NUD_PERMANENT == 0 {
				continue
			}
			if err := o.kernel.NeighDel(&e); err != nil && !gone(err) {
				errs = errors.Join(errs, fmt.Errorf("remove tunnel entry %s: %w", ip, err))
			}
		}
	}
	return errs
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), ones), ok
}

package cni

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hardwareAddr derives an interface's address from its IP address, so that a
// neighbour's entry stays right when the IP address is given to another pod.
// 0a is a locally administered prefix.
func hardwareAddr(a netip.Addr) net.HardwareAddr {
	b := a.Unmap().AsSlice()
	return append(net.HardwareAddr{0x0a, 0x58}, b[len(b)-4:]...)
}

// gateway is the first address of the subnet.
func gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// ensureBridge makes the bridge as it should be. p.mu is held.
func (p *Plugin) ensureBridge(subnets []netip.Prefix) error {
	bridge, err := p.adoptBridge(hardwareAddr(gateway(subnets[0])))
	if err != nil {
		return fmt.Errorf("make bridge %s: %w", p.cfg.Bridge, err)
	}
	if err := trustOwnAddress(p.cfg.Bridge); err != nil {
		return fmt.Errorf("switch off duplicate address detection: %w", err)
	}
	if err := p.setGateways(bridge, subnets); err != nil {
		return fmt.Errorf("set addresses of bridge %s: %w", p.cfg.Bridge, err)
	}
	if err := p.links.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bring up bridge %s: %w", p.cfg.Bridge, err)
	}
	if err := forward(subnets); err != nil {
		return fmt.Errorf("switch on forwarding: %w", err)
	}
	if err := routeNotBridge(); err != nil {
		return fmt.Errorf("switch off bridge-nf-call: %w", err)
	}
	if err := sendNoRedirects(p.cfg.Bridge); err != nil {
		return fmt.Errorf("switch off redirects: %w", err)
	}
	p.bridge = bridge
	return nil
}

// tunnelOverhead is what VXLAN adds to a packet over IPv4, in bytes.
const tunnelOverhead = 50

// tunnelMTU is what fits through a tunnel by the default route.
func tunnelMTU(links *netlink.Handle) (int, error) {
	routes, err := links.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{}, netlink.RT_FILTER_DST)
	if err != nil {
		return 0, err
	}
	for _, r := range routes {
		if r.LinkIndex == 0 {
			continue
		}
		link, err := links.LinkByIndex(r.LinkIndex)
		if err != nil {
			return 0, err
		}
		return link.Attrs().MTU - tunnelOverhead, nil
	}
	return 1500 - tunnelOverhead, nil
}

func (p *Plugin) adoptBridge(mac net.HardwareAddr) (*netlink.Bridge, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = p.cfg.Bridge, p.cfg.MTU, mac
	err := p.links.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	if err != nil && !errors.Is(err, syscall.EEXIST) {
		return nil, err
	}
	link, err := p.links.LinkByName(p.cfg.Bridge)
	if err != nil {
		return nil, err
	}
	bridge, ok := link.(*netlink.Bridge)
	if !ok {
		return nil, fmt.Errorf("an interface of that name exists and is a %s", link.Type())
	}
	if bridge.MTU != p.cfg.MTU {
		if err := p.links.LinkSetMTU(bridge, p.cfg.MTU); err != nil {
			return nil, err
		}
	}
	if bridge.HardwareAddr.String() != mac.String() {
		return bridge, p.links.LinkSetHardwareAddr(bridge, mac)
	}
	return bridge, nil
}

// setGateways adds the addresses that are missing and removes those of subnets
// that the node no longer has.
func (p *Plugin) setGateways(bridge netlink.Link, subnets []netip.Prefix) error {
	wanted := map[string]netip.Prefix{}
	for _, s := range subnets {
		g := netip.PrefixFrom(gateway(s), s.Bits())
		wanted[g.String()] = g
	}
	have, err := p.links.AddrList(bridge, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, a := range have {
		if _, ok := wanted[a.IPNet.String()]; ok {
			delete(wanted, a.IPNet.String())
		} else if a.Scope == unix.RT_SCOPE_UNIVERSE {
			if err := p.links.AddrDel(bridge, &a); err != nil {
				return err
			}
		}
	}
	for _, g := range wanted {
		if err := p.links.AddrReplace(bridge, address(g)); err != nil {
			return fmt.Errorf("add %s: %w", g, err)
		}
	}
	return nil
}

// address is for use at once: duplicate detection would keep an IPv6 address
// unusable for a second, and we give each out only once.
func address(p netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// forward switches on routing for the families in use.
func forward(subnets []netip.Prefix) error {
	for _, s := range subnets {
		if s.Addr().Is4() {
			if err := setSysctl("net/ipv4/ip_forward", "1"); err != nil {
				return err
			}
			continue
		}
		if err := keepRouterAdvertisements(); err != nil {
			return err
		}
		if err := setSysctl("net/ipv6/conf/all/forwarding", "1"); err != nil {
			return err
		}
	}
	return nil
}

// keepRouterAdvertisements makes interfaces that learn their routes from router
// advertisements go on doing so once the node forwards (2 instead of 1;
// Documentation/networking/ip-sysctl.rst, accept_ra).
func keepRouterAdvertisements() error {
	files, err := filepath.Glob("/proc/sys/net/ipv6/conf/*/accept_ra")
	if err != nil {
		return err
	}
	for _, f := range files {
		name := f[len("/proc/sys/"):]
		if b, err := os.ReadFile(f); err == nil && string(b) == "1\n" {
			if err := setSysctl(name, "2"); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// trustOwnAddress makes the bridge's link-local address usable at once: the
// node asks for its pods' hardware addresses from there, and would not for the
// two seconds of duplicate detection after the first pod.
func trustOwnAddress(bridge string) error {
	err := setSysctl("net/ipv6/conf/"+bridge+"/accept_dad", "0")
	if errors.Is(err, os.ErrNotExist) {
		return nil // the kernel has no IPv6
	}
	return err
}

// sendNoRedirects keeps the kernel from telling pods of a shorter way, which
// there is none between isolated ports. The rules drop such messages too, but
// by then they have used up the allowance of ICMP messages to that pod, and a
// refusal that a Service has no endpoints would be lost. The setting of all
// interfaces and the one of the bridge are joined by or.
func sendNoRedirects(bridge string) error {
	for _, name := range []string{"all", bridge} {
		if err := setSysctl("net/ipv4/conf/"+name+"/send_redirects", "0"); err != nil {
			return err
		}
	}
	return nil
}

// routeNotBridge keeps translated packets off the bridge: with bridge-nf-call a
// packet whose destination becomes another pod of this node would be switched
// to its port, which is isolated, and lost, in place of being routed.
func routeNotBridge() error {
	for _, name := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
		if err := setSysctl(name, "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setSysctl writes a setting of the calling thread's network namespace, unless
// it already has the value (the file may be read-only then).
func setSysctl(name, value string) error {
	path := "/proc/sys/" + name
	if b, err := os.ReadFile(path); err == nil && string(b) == value+"\n" {
		return nil
	}
	return os.WriteFile(path, []byte(value), 0o644)
}

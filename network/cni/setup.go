package cni

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// podInterface is what a pod's interface is called.
const podInterface = "eth0"

// hostInterface names the node's end of a sandbox's pair (at most 15 bytes).
func hostInterface(sandbox string) string {
	sum := sha256.Sum256([]byte(sandbox))
	return "veth" + hex.EncodeToString(sum[:])[:11]
}

// Setup connects the sandbox and returns its addresses, IPv4 first where the
// node's networks are in that order. Called again for a sandbox it connects it
// anew with the same addresses.
func (p *Plugin) Setup(ctx context.Context, a Attachment) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	addrs, err := p.setup(a)
	if err != nil {
		return nil, fmt.Errorf("connect sandbox %s of pod %s/%s: %w", a.SandboxID, a.PodNamespace, a.PodName, err)
	}
	return addrs, nil
}

func (p *Plugin) setup(a Attachment) ([]netip.Addr, error) {
	if err := checkID(a.SandboxID); err != nil {
		return nil, err
	}
	ns, err := os.Open(a.NetNS)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	defer ns.Close()
	p.mu.Lock()
	bridge := p.bridge
	if bridge == nil {
		p.mu.Unlock()
		return nil, ErrNoSubnet
	}
	r, err := p.reserve(a)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := p.connect(r, bridge.Index, ns); err != nil {
		return nil, errors.Join(err, p.teardown(a.SandboxID))
	}
	return r.Addresses, nil
}

func (p *Plugin) connect(r record, bridge int, ns *os.File) error {
	if err := p.addPair(r, bridge, ns); err != nil {
		return fmt.Errorf("add veth pair: %w", err)
	}
	if err := p.configure(r, ns); err != nil {
		return fmt.Errorf("configure %s: %w", podInterface, err)
	}
	return p.openPorts(r)
}

// addPair creates both ends where they belong, in one message.
func (p *Plugin) addPair(r record, bridge int, ns *os.File) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex, attrs.Flags = hostInterface(r.Sandbox), p.cfg.MTU, bridge, net.FlagUp
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: podInterface, PeerHardwareAddr: hardwareAddr(r.Addresses[0]),
		PeerNamespace: netlink.NsFd(ns.Fd())}
	err := p.links.LinkAdd(pair)
	if errors.Is(err, syscall.EEXIST) {
		// Half of an earlier attempt.
		if err := p.deleteLink(attrs.Name); err != nil {
			return err
		}
		err = p.links.LinkAdd(pair)
	}
	if err != nil {
		return err
	}
	// Not switched to other ports: see the package's comment. Hairpin mode is
	// of no use then, since the node routes what a pod sends to itself.
	return p.links.LinkSetIsolated(pair, true)
}

// configure sets up the pod's side: loopback, addresses, and a default route
// by way of the bridge.
func (p *Plugin) configure(r record, ns *os.File) error {
	pod, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer pod.Close()
	// The loopback interface is the first of every namespace.
	if err := pod.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	eth0, err := pod.LinkByName(podInterface)
	if err != nil {
		return err
	}
	for _, a := range r.Addresses {
		if err := pod.AddrAdd(eth0, address(netip.PrefixFrom(a, a.BitLen()))); err != nil {
			return fmt.Errorf("add %s: %w", a, err)
		}
	}
	if err := pod.LinkSetUp(eth0); err != nil {
		return err
	}
	for _, a := range r.Addresses {
		if err := addRoutes(pod, eth0.Attrs().Index, p.gatewayOf(a)); err != nil {
			return fmt.Errorf("add route for %s: %w", a, err)
		}
	}
	return nil
}

func (p *Plugin) gatewayOf(a netip.Addr) netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.ipam.subnets {
		if s.Contains(a) {
			return gateway(s)
		}
	}
	// An address kept from an earlier subnet: any gateway of its family routes.
	for _, s := range p.ipam.subnets {
		if s.Addr().Is4() == a.Is4() {
			return gateway(s)
		}
	}
	return a
}

func addRoutes(pod *netlink.Handle, link int, gw netip.Addr) error {
	scope := netlink.SCOPE_LINK
	if gw.Is6() {
		scope = netlink.SCOPE_UNIVERSE
	}
	err := pod.RouteAdd(&netlink.Route{LinkIndex: link, Scope: scope, Dst: ipNet(netip.PrefixFrom(gw, gw.BitLen()))})
	if err != nil {
		return err
	}
	anywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if gw.Is6() {
		anywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return pod.RouteAdd(&netlink.Route{LinkIndex: link, Dst: ipNet(anywhere), Gw: gw.AsSlice()})
}

func (p *Plugin) deleteLink(name string) error {
	link, err := p.links.LinkByName(name)
	if err == nil {
		err = p.links.LinkDel(link)
	}
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}

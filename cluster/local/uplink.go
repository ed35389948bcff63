package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// The way out: one veth pair between the host and the cluster's namespace on a
// link-local net, and masquerading at both of its ends. The host gets no route
// into the cluster.

func uplinkAddresses(x int) (host, cluster netip.Prefix) {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(x), 1}), 30),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(x), 2}), 30)
}

// wireUplink opens the way out; a second call finds it open.
func wireUplink(p Paths, spec *Spec) error {
	if spec.Isolated {
		return nil
	}
	name := hostLink(p.Name)
	if _, err := netlink.LinkByName(name); err == nil {
		return nil
	}
	if err := chooseUplinkNet(spec); err != nil {
		return err
	}
	if spec.HostForwarding == "" {
		was, err := readSysctl("net/ipv4/ip_forward")
		if err != nil {
			return err
		}
		spec.HostForwarding = was
	}
	// Saved before anything is changed, so that down can take it back.
	if err := p.saveSpec(spec); err != nil {
		return err
	}
	if err := writeSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	hostIP, clusterIP := uplinkAddresses(spec.UplinkNet)
	if err := masquerade(name, hostIP.Masked()); err != nil {
		return err
	}
	clusterNet, err := netns.GetFromPath(filepath.Join(p.Run, "net"))
	if err != nil {
		return fmt.Errorf("open cluster's network namespace: %w", err)
	}
	defer clusterNet.Close()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "uplink", PeerNamespace: netlink.NsFd(clusterNet)}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	if err := errors.Join(addAddress(veth, hostIP), netlink.LinkSetUp(veth)); err != nil {
		return err
	}
	return inThread(func() error {
		if err := netns.Set(clusterNet); err != nil {
			return fmt.Errorf("enter cluster's network namespace: %w", err)
		}
		return wireUplinkInside(clusterIP, hostIP)
	})
}

func wireUplinkInside(clusterIP, hostIP netip.Prefix) error {
	link, err := netlink.LinkByName("uplink")
	if err != nil {
		return fmt.Errorf("find uplink: %w", err)
	}
	if err := errors.Join(addAddress(link, clusterIP), netlink.LinkSetUp(link)); err != nil {
		return err
	}
	err = netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IP(hostIP.Addr().AsSlice())})
	if err != nil {
		return fmt.Errorf("set default route: %w", err)
	}
	return masquerade("minke-uplink", nodeNet)
}

// masquerade installs one table that hides what comes from source.
func masquerade(table string, source netip.Prefix) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	t := c.AddTable(&nftables.Table{Name: table, Family: nftables.TableFamilyIPv4})
	c.FlushTable(t)
	chain := c.AddChain(&nftables.Chain{
		Name: "out", Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	mask := net.CIDRMask(source.Bits(), 32)
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: []byte{0, 0, 0, 0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: source.Masked().Addr().AsSlice()},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: []byte{0, 0, 0, 0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: source.Masked().Addr().AsSlice()},
		&expr.Masq{},
	}})
	return wrap("write nftables table "+table, c.Flush())
}

// chooseUplinkNet picks a link-local net that the host does not use yet.
func chooseUplinkNet(spec *Spec) error {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the host's addresses: %w", err)
	}
	used := map[byte]bool{}
	for _, a := range addresses {
		if ip := a.IP.To4(); ip[0] == 169 && ip[1] == 254 {
			used[ip[2]] = true
		}
	}
	if spec.UplinkNet != 0 && !used[byte(spec.UplinkNet)] {
		return nil
	}
	for x := 100; x < 250; x++ {
		if !used[byte(x)] {
			spec.UplinkNet = x
			return nil
		}
	}
	return errors.New("choose a net for the way out: 169.254.100.0 to 169.254.249.0 are all in use; try --isolated")
}

// unwireUplink removes what wireUplink left on the host.
func unwireUplink(p Paths, spec *Spec) error {
	name := hostLink(p.Name)
	var errs []error
	if link, err := netlink.LinkByName(name); err == nil {
		errs = append(errs, wrap("remove "+name, netlink.LinkDel(link)))
	}
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	errs = append(errs, wrap("list nftables tables", err))
	for _, t := range tables {
		if t.Name == name {
			c.DelTable(t)
			errs = append(errs, wrap("remove nftables table "+name, c.Flush()))
		}
	}
	if spec != nil && spec.HostForwarding == "0" && lastUplink() {
		errs = append(errs, writeSysctl("net/ipv4/ip_forward", "0"))
	}
	return errors.Join(errs...)
}

// lastUplink tells whether no other cluster of this machine has a way out.
func lastUplink() bool {
	links, err := netlink.LinkList()
	if err != nil {
		return false
	}
	for _, l := range links {
		if _, veth := l.(*netlink.Veth); veth && len(l.Attrs().Name) > 6 && l.Attrs().Name[:6] == "minke-" {
			return false
		}
	}
	return true
}

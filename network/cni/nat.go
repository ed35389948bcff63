package cni

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"minke/network/nft"
)

// nat is the nftables table of the pod network:
//
//	prerouting, output   hostports: . proto . port → pod address . port, for
//	                     the node's own addresses (or one of them: hostports-ip)
//	postrouting          what leaves the cluster's pods, and what a pod sends to
//	                     itself by way of a host port, gets the node's address
//	redirects            the node never tells pods a shorter way, since there
//	                     is none between isolated ports
type nat struct {
	table    *nftables.Table
	bridge   string
	families []natFamily
}

type natFamily struct {
	nft.Family
	any, one *nftables.Set // host ports on all addresses, on one address
	hairpin  *nftables.Set // pod . pod, for pods with host ports
}

func newNAT(table, bridge string) *nat {
	n := &nat{table: &nftables.Table{Name: table, Family: nftables.TableFamilyINet}, bridge: bridge}
	for _, f := range nft.Families {
		target := nft.Concat(f.AddrType, nftables.TypeInetService)
		n.families = append(n.families, natFamily{
			Family: f,
			any: &nftables.Set{Table: n.table, Name: "hostports" + f.Suffix(), IsMap: true, Concatenation: true,
				KeyType: nft.Concat(nftables.TypeInetProto, nftables.TypeInetService), DataType: target},
			one: &nftables.Set{Table: n.table, Name: "hostports-ip" + f.Suffix(), IsMap: true, Concatenation: true,
				KeyType: nft.Concat(f.AddrType, nftables.TypeInetProto, nftables.TypeInetService), DataType: target},
			hairpin: &nftables.Set{Table: n.table, Name: "hairpin" + f.Suffix(), Concatenation: true,
				KeyType: nft.Concat(f.AddrType, f.AddrType)},
		})
	}
	return n
}

// write replaces the whole table.
func (n *nat) write(tx nft.Tx, own, cluster []netip.Prefix, records map[string]record) error {
	tx.Replace(n.table)
	for _, f := range n.families {
		for _, s := range []*nftables.Set{f.any, f.one, f.hairpin} {
			if err := tx.Set(s); err != nil {
				return err
			}
		}
	}
	pre := tx.BaseChain(n.table, "prerouting", nft.Base{Type: nftables.ChainTypeNAT, Hook: nftables.ChainHookPrerouting, Priority: *nftables.ChainPriorityNATDest})
	out := tx.BaseChain(n.table, "output", nft.Base{Type: nftables.ChainTypeNAT, Hook: nftables.ChainHookOutput, Priority: *nftables.ChainPriorityNATDest})
	post := tx.BaseChain(n.table, "postrouting", nft.Base{Type: nftables.ChainTypeNAT, Hook: nftables.ChainHookPostrouting, Priority: *nftables.ChainPriorityNATSource})
	redirects := tx.BaseChain(n.table, "redirects", nft.Base{Type: nftables.ChainTypeFilter, Hook: nftables.ChainHookOutput, Priority: *nftables.ChainPriorityFilter})
	for _, f := range n.families {
		f.hostPortRules(tx, pre)
		f.hostPortRules(tx, out)
		f.sourceRules(tx, post, own, cluster)
	}
	for _, icmp := range []struct{ proto, redirect byte }{{unix.IPPROTO_ICMP, 5}, {unix.IPPROTO_ICMPV6, 137}} {
		tx.Rule(redirects, outBy(n.bridge), nft.Proto(icmp.proto), icmpType(icmp.redirect), nft.Drop)
	}
	for _, r := range records {
		if err := n.ports(r, tx.Add); err != nil {
			return err
		}
	}
	return nil
}

func outBy(name string) nft.Expr {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return nft.Join(nft.Expr{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: nft.Reg}}, nft.Equal(b))
}

func icmpType(t byte) nft.Expr {
	return nft.Join(nft.Expr{&expr.Payload{DestRegister: nft.Reg, Base: expr.PayloadBaseTransportHeader, Len: 1}}, nft.Equal([]byte{t}))
}

func (f natFamily) hostPortRules(tx nft.Tx, c *nftables.Chain) {
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	if f.Bits == 128 {
		loopback = netip.MustParsePrefix("::1/128")
	}
	tx.Rule(c, f.NFProto(), f.Dst(nft.Reg), nft.ProtoPort(nft.Reg+f.Regs), nft.Map(f.one, nft.Reg), f.DNAT(nft.Reg))
	// A packet to the loopback address cannot leave it: it would need
	// route_localnet.
	tx.Rule(c, f.NFProto(), f.DstOutside(loopback), nft.DstLocal(), nft.ProtoPort(nft.Reg), nft.Map(f.any, nft.Reg), f.DNAT(nft.Reg))
}

func (f natFamily) sourceRules(tx nft.Tx, c *nftables.Chain, own, cluster []netip.Prefix) {
	tx.Rule(c, f.NFProto(), f.Src(nft.Reg), f.Dst(nft.Reg+f.Regs), nft.In(f.hairpin), nft.Masquerade())
	for _, o := range own {
		if !f.Has(o.Addr()) {
			continue
		}
		parts := []nft.Expr{f.NFProto(), f.SrcIn(o)}
		for _, p := range cluster {
			if f.Has(p.Addr()) {
				parts = append(parts, f.DstOutside(p))
			}
		}
		multicast := netip.MustParsePrefix("224.0.0.0/4")
		if f.Bits == 128 {
			multicast = netip.MustParsePrefix("ff00::/8")
		}
		tx.Rule(c, append(parts, f.DstOutside(multicast), nft.Masquerade())...)
	}
}

var protocols = map[string]byte{"": unix.IPPROTO_TCP, "TCP": unix.IPPROTO_TCP, "UDP": unix.IPPROTO_UDP, "SCTP": unix.IPPROTO_SCTP}

// ports adds or deletes the elements of a sandbox's host ports.
func (n *nat) ports(r record, do func(*nftables.Set, ...nftables.SetElement) error) error {
	for _, f := range n.families {
		for _, pod := range r.Addresses {
			if !f.Has(pod) || len(r.HostPorts) == 0 {
				continue
			}
			for _, hp := range r.HostPorts {
				set, e, err := f.element(hp, pod)
				if err != nil {
					return err
				}
				if set == nil {
					continue
				}
				if err := do(set, e); err != nil {
					return err
				}
			}
			if err := do(f.hairpin, nftables.SetElement{Key: nft.Key(nft.Addr(pod), nft.Addr(pod))}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f natFamily) element(hp HostPort, pod netip.Addr) (*nftables.Set, nftables.SetElement, error) {
	proto, ok := protocols[strings.ToUpper(hp.Protocol)]
	if !ok {
		return nil, nftables.SetElement{}, fmt.Errorf("open host port %d: unknown protocol %q", hp.HostPort, hp.Protocol)
	}
	e := nftables.SetElement{Val: nft.Key(nft.Addr(pod), nft.Port(hp.ContainerPort))}
	if !hp.HostIP.IsValid() || hp.HostIP.IsUnspecified() {
		e.Key = nft.Key([]byte{proto}, nft.Port(hp.HostPort))
		return f.any, e, nil
	}
	if !f.Has(hp.HostIP) || hp.HostIP.IsLoopback() {
		return nil, e, nil // see relays
	}
	e.Key = nft.Key(nft.Addr(hp.HostIP), []byte{proto}, nft.Port(hp.HostPort))
	return f.one, e, nil
}

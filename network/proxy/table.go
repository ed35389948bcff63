package proxy

import (
	"net/netip"

	"github.com/google/nftables"

	"minke/network/nft"
)

// masqueradeMark is set on packets whose source must become the node's.
const masqueradeMark = 0x4000

// table is one family's rules. Packets find their way by look-ups alone:
//
//	services, node-ports   address . protocol . port ─► the chain to go to:
//	    ca-N               any of N endpoints: the key and a random number below
//	                       N are looked up in endpoints-ca
//	    la-N               the same among the endpoints on this node
//	    m-ca-N             masquerade, then ca-N: from outside
//	    c1-ID, l1-ID       one Service's own, with session affinity
//	    xa-ID              from outside where the policy is Local (or there is
//	                       affinity): the client's address is kept
//	    g-ID               a load balancer's IP: only from the allowed sources
//	refused, refused-ports the same keys, for ports without endpoints
//
// (p in place of a for node ports), and for all: cluster-ips (what goes to
// another port of one is refused) and hairpin (endpoints on this node, which
// may be sent to themselves).
type table struct {
	nft.Family
	cfg Config
	nft *nftables.Table

	services, nodePorts           *nftables.Set
	refused, refusedPorts         *nftables.Set
	clusterIPs, hairpins, nodeIPs *nftables.Set
	// endpoints are by key . number, for each policy and kind of key.
	endpoints map[policy]map[keyKind]*nftables.Set

	state
}

// names of chains that every port may use.
const (
	refuseChain = "refuse"
	ignoreChain = "ignore"
)

func newTable(f nft.Family, cfg Config) *table {
	t := &table{Family: f, cfg: cfg, nft: &nftables.Table{Name: cfg.Table, Family: f.Table}}
	addressKey := nft.Concat(f.AddrType, nftables.TypeInetProto, nftables.TypeInetService)
	portKey := nft.Concat(nftables.TypeInetProto, nftables.TypeInetService)
	target := nft.Concat(f.AddrType, nftables.TypeInetService)
	verdicts := func(name string, key nftables.SetDatatype) *nftables.Set {
		return &nftables.Set{Table: t.nft, Name: name, IsMap: true, Concatenation: true, KeyType: key, DataType: nftables.TypeVerdict}
	}
	t.services, t.nodePorts = verdicts("services", addressKey), verdicts("node-ports", portKey)
	t.refused, t.refusedPorts = verdicts("refused", addressKey), verdicts("refused-ports", portKey)
	t.endpoints = map[policy]map[keyKind]*nftables.Set{}
	for _, p := range []policy{anywhere, onThisNode} {
		t.endpoints[p] = map[keyKind]*nftables.Set{
			byAddr: {Table: t.nft, Name: "endpoints-" + string(p) + string(byAddr), IsMap: true, Concatenation: true, DataType: target,
				KeyType: nft.Concat(f.AddrType, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeMark)},
			byPort: {Table: t.nft, Name: "endpoints-" + string(p) + string(byPort), IsMap: true, Concatenation: true, DataType: target,
				KeyType: nft.Concat(nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeMark)},
		}
	}
	t.clusterIPs = &nftables.Set{Table: t.nft, Name: "cluster-ips", KeyType: f.AddrType}
	t.nodeIPs = &nftables.Set{Table: t.nft, Name: "node-ips", KeyType: f.AddrType}
	t.hairpins = &nftables.Set{Table: t.nft, Name: "hairpin", Concatenation: true, KeyType: nft.Concat(f.AddrType, f.AddrType)}
	t.reset()
	return t
}

// create writes the table without any Service, in place of what is there.
func (t *table) create(tx nft.Tx) error {
	t.reset()
	tx.Replace(t.nft)
	for _, s := range []*nftables.Set{t.services, t.nodePorts, t.refused, t.refusedPorts, t.clusterIPs, t.hairpins, t.nodeIPs} {
		if err := tx.Set(s); err != nil {
			return err
		}
	}
	for _, kinds := range t.endpoints {
		for _, s := range kinds {
			if err := tx.Set(s); err != nil {
				return err
			}
		}
	}
	for _, ip := range t.cfg.NodeIPs {
		if t.Has(ip) {
			if err := tx.Add(t.nodeIPs, nftables.SetElement{Key: nft.Addr(ip)}); err != nil {
				return err
			}
		}
	}
	refuse := tx.Chain(t.nft, refuseChain)
	tx.Rule(refuse, nft.Proto(6), nft.Reset())
	tx.Rule(refuse, t.Unreachable())
	tx.Rule(tx.Chain(t.nft, ignoreChain), nft.Drop)

	hooks := []struct {
		name string
		*nftables.ChainHook
	}{{"prerouting", nftables.ChainHookPrerouting}, {"output", nftables.ChainHookOutput}}
	for _, h := range hooks {
		// Before the translation, so that it sees what the client wanted.
		t.refusal(tx, tx.BaseChain(t.nft, "refuse-"+h.name, nft.Base{Type: nftables.ChainTypeFilter, Hook: h.ChainHook, Priority: *nftables.ChainPriorityNATDest - 10}))
		t.dispatch(tx, tx.BaseChain(t.nft, h.name, nft.Base{Type: nftables.ChainTypeNAT, Hook: h.ChainHook, Priority: *nftables.ChainPriorityNATDest}))
	}
	for name, h := range map[string]*nftables.ChainHook{"stray-forward": nftables.ChainHookForward, "stray-output": nftables.ChainHookOutput} {
		// After the translation: what still goes to a cluster IP goes nowhere.
		stray := tx.BaseChain(t.nft, name, nft.Base{Type: nftables.ChainTypeFilter, Hook: h, Priority: *nftables.ChainPriorityFilter})
		tx.Rule(stray, nft.New(), t.Dst(nft.Reg), nft.In(t.clusterIPs), nft.Goto(refuseChain))
	}
	post := tx.BaseChain(t.nft, "postrouting", nft.Base{Type: nftables.ChainTypeNAT, Hook: nftables.ChainHookPostrouting, Priority: *nftables.ChainPriorityNATSource})
	tx.Rule(post, nft.Marked(masqueradeMark), nft.Unmark(masqueradeMark), nft.Masquerade())
	tx.Rule(post, nft.Translated(), t.Src(nft.Reg), t.Dst(nft.Reg+t.Regs), nft.In(t.hairpins), nft.Masquerade())
	return nil
}

func (t *table) refusal(tx nft.Tx, c *nftables.Chain) {
	tx.Rule(c, nft.New(), t.Dst(nft.Reg), nft.ProtoPort(nft.Reg+t.Regs), nft.VMap(t.refused))
	tx.Rule(c, nft.New(), t.toNode(), nft.ProtoPort(nft.Reg), nft.VMap(t.refusedPorts))
}

func (t *table) dispatch(tx nft.Tx, c *nftables.Chain) {
	if outside := t.fromOutside(); outside != nil {
		tx.Rule(c, t.Dst(nft.Reg), nft.In(t.clusterIPs), outside, nft.Mark(masqueradeMark))
	}
	tx.Rule(c, t.Dst(nft.Reg), nft.ProtoPort(nft.Reg+t.Regs), nft.VMap(t.services))
	tx.Rule(c, t.toNode(), nft.ProtoPort(nft.Reg), nft.VMap(t.nodePorts))
}

// fromOutside matches packets that no pod sent; nil when pods are unknown.
func (t *table) fromOutside() nft.Expr {
	var parts nft.Expr
	for _, cidr := range t.cfg.ClusterCIDRs {
		if t.Has(cidr.Addr()) {
			parts = append(parts, t.SrcOutside(cidr)...)
		}
	}
	return parts
}

// toNode matches packets to where node ports are served. Loopback addresses
// never are: it would need route_localnet (CVE-2020-8558).
func (t *table) toNode() nft.Expr {
	if len(t.cfg.NodeIPs) > 0 {
		return nft.Join(t.Dst(nft.Reg), nft.In(t.nodeIPs))
	}
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	if t.Bits == 128 {
		loopback = netip.MustParsePrefix("::1/128")
	}
	return nft.Join(t.DstOutside(loopback), nft.DstLocal())
}

package proxy

import (
	"net/netip"

	"github.com/google/nftables"

	"minke/network/nft"
)

// layout is where everything of one port leads, computed before anything is
// written.
type layout struct {
	t       *table
	tx      nft.Tx
	port    *port
	entries entries
	// shared and own name the chains in use.
	shared, own    map[string]bool
	cluster, local *pick
}

// layOut says what leads where for the fronts that the port may have.
func (c *change) layOut(a *applied, p *port, mine []front) *layout {
	l := &layout{t: c.t, tx: c.tx, port: p, entries: entries{}, shared: map[string]bool{}, own: map[string]bool{}}
	l.cluster = c.t.plan(a.cluster, anywhere, p, p.cluster)
	if p.insideLocal || p.outsideLocal {
		l.local = c.t.plan(a.local, onThisNode, p, p.local)
	}
	for _, f := range mine {
		verdicts, refusals := c.t.services, c.t.refused
		if f.kind() == byPort {
			verdicts, refusals = c.t.nodePorts, c.t.refusedPorts
		}
		if chain, refused := l.refusal(p.fronts[f]); refused {
			l.entries[entry{refusals, f.key()}] = chain
			continue
		}
		l.entries[entry{verdicts, f.key()}] = l.chain(f.kind(), p.fronts[f])
		l.addSlots(f, l.cluster, p.cluster)
		l.addSlots(f, l.local, p.local)
	}
	return l
}

// addSlots makes the endpoints found by the front's key, each in the slot that
// it has already.
func (l *layout) addSlots(f front, k *pick, addrs []netip.AddrPort) {
	if k == nil || k.chain != nil {
		return
	}
	next, _ := reslot(k.addrs, addrs)
	set, key := l.t.endpoints[k.policy][f.kind()], f.key()
	for i, a := range next {
		l.entries[entry{set, key + string(nft.Number(uint32(i)))}] = string(endpointValue(a))
	}
}

// refusal tells whether packets are turned away, and how.
func (l *layout) refusal(e entrance) (chain string, refused bool) {
	switch {
	case len(l.port.cluster) == 0 && len(l.port.local) == 0:
		return refuseChain, true
	case e == inside && l.port.insideLocal && len(l.port.local) == 0:
		return ignoreChain, true
	}
	return "", false
}

// chain is where packets go.
func (l *layout) chain(kind keyKind, e entrance) string {
	switch {
	case e == inside && l.port.insideLocal:
		return l.to(l.local, l.port.local, way{kind: kind})
	case e == inside:
		return l.to(l.cluster, l.port.cluster, way{kind: kind})
	case e == guarded && len(l.port.sources) > 0:
		l.outside(kind)
		l.own["g-"+l.port.id] = true
		return "g-" + l.port.id
	default:
		return l.outside(kind)
	}
}

// to is the chain that chooses: the pick's own, or a shared one.
func (l *layout) to(k *pick, addrs []netip.AddrPort, w way) string {
	if k.chain != nil {
		return k.chain.Name
	}
	w.policy, w.n = k.policy, len(addrs)
	l.t.share(l.tx, w)
	l.shared[w.name()] = true
	return w.name()
}

// outside is the chain for packets from outside.
func (l *layout) outside(kind keyKind) string {
	if !l.port.outsideLocal && l.cluster.chain == nil {
		return l.to(l.cluster, l.port.cluster, way{kind: kind, masquerade: true})
	}
	name := "x" + string(kind) + "-" + l.port.id
	l.own[name] = true
	return name
}

// writeOwn makes the port's own chains and deletes those out of use. All were
// emptied before, so that none leads to another.
func (c *change) writeOwn(a *applied, l *layout) {
	for name, chain := range a.own {
		if !l.own[name] {
			c.tx.DelChain(chain)
			delete(a.own, name)
		}
	}
	make := func(name string) *nftables.Chain {
		if a.own[name] == nil {
			a.own[name] = c.tx.Chain(c.t.nft, name)
		}
		return a.own[name]
	}
	for _, kind := range []keyKind{byAddr, byPort} {
		if name := "x" + string(kind) + "-" + l.port.id; l.own[name] {
			l.outsideRules(make(name), kind)
		}
	}
	if name := "g-" + l.port.id; l.own[name] {
		guard := make(name)
		for _, s := range l.port.sources {
			c.tx.Rule(guard, c.t.SrcIn(s), nft.Goto(l.outside(byAddr)))
		}
		c.tx.Rule(guard, nft.Drop)
	}
}

// outsideRules lead packets from outside to endpoints. With policy Local the
// client's address is kept, and only endpoints on this node serve; what comes
// from within the cluster is served by any, as if it came to the cluster IP.
func (l *layout) outsideRules(chain *nftables.Chain, kind keyKind) {
	p := l.port
	if !p.outsideLocal {
		l.tx.Rule(chain, nft.Mark(masqueradeMark), nft.Goto(l.to(l.cluster, p.cluster, way{kind: kind})))
		return
	}
	if l.cluster != nil {
		any := l.to(l.cluster, p.cluster, way{kind: kind})
		for _, cidr := range l.t.cfg.ClusterCIDRs {
			if l.t.Has(cidr.Addr()) {
				l.tx.Rule(chain, l.t.SrcIn(cidr), nft.Goto(any))
			}
		}
		l.tx.Rule(chain, nft.SrcLocal(), nft.Mark(masqueradeMark), nft.Goto(any))
	}
	if l.local != nil {
		l.tx.Rule(chain, nft.Goto(l.to(l.local, p.local, way{kind: kind})))
		return
	}
	l.tx.Rule(chain, nft.Drop)
}

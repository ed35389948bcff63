package proxy

import (
	"net/netip"

	"github.com/google/nftables"

	"minke/network/nft"
)

// dropEntrances takes out the chains before those they lead to. They hold few
// rules and are written anew with every change of their port.
func (c *change) dropEntrances(a *applied) {
	for _, chain := range []**nftables.Chain{&a.guard, &a.outside} {
		if *chain != nil {
			c.tx.FlushChain(*chain)
		}
	}
}

// picks makes the chains that choose endpoints, and returns the endpoints that
// were chosen before and are not any more.
func (c *change) picks(a *applied, want *port) (gone []netip.AddrPort, err error) {
	clusterGone, err := c.pick(&a.cluster, "c", want, want.cluster)
	if err != nil {
		return nil, err
	}
	local := want.local
	if !want.insideLocal && !want.outsideLocal {
		local = nil
	}
	localGone, err := c.pick(&a.local, "l", want, local)
	return append(clusterGone, localGone...), err
}

func (c *change) pick(k **pick, prefix string, want *port, addrs []netip.AddrPort) (gone []netip.AddrPort, err error) {
	if *k != nil && (len(addrs) == 0 || (*k).affinity != want.affinity) {
		if gone, err = c.dropPick(*k, addrs); err != nil {
			return nil, err
		}
		*k = nil
	}
	if len(addrs) == 0 {
		return gone, nil
	}
	if *k == nil {
		if *k, err = c.t.newPick(c.tx, prefix, want); err != nil {
			return nil, err
		}
	}
	left, err := c.t.set(c.tx, *k, addrs)
	if len(left) > 0 && (*k).clients != nil {
		c.forgets = append(c.forgets, forget{*k, left})
	}
	return append(gone, left...), err
}

// dropPick removes the pick; those of its endpoints that are not among next
// are gone.
func (c *change) dropPick(k *pick, next []netip.AddrPort) (gone []netip.AddrPort, err error) {
	_, gone = reslot(k.addrs, next)
	c.tx.FlushChain(k.chain)
	c.tx.DelChain(k.chain)
	c.tx.DelSet(k.slots)
	if k.clients != nil {
		c.tx.DelSet(k.clients)
	}
	return gone, nil
}

// entrances writes the chains for packets from outside, and deletes those that
// nothing leads to any more.
func (c *change) entrances(a *applied, want *port, fronts map[front]target) {
	used := map[string]bool{}
	for _, to := range fronts {
		used[to.chain] = true
	}
	x, g := "x-"+want.id, "g-"+want.id
	if a.guard != nil && !used[g] {
		c.tx.DelChain(a.guard)
		a.guard = nil
	}
	if used[x] || used[g] {
		if a.outside == nil {
			a.outside = c.tx.Chain(c.t.nft, x)
		}
		c.t.outsideRules(c.tx, a.outside, want)
	} else if a.outside != nil {
		c.tx.DelChain(a.outside)
		a.outside = nil
	}
	if used[g] {
		if a.guard == nil {
			a.guard = c.tx.Chain(c.t.nft, g)
		}
		for _, s := range want.sources {
			c.tx.Rule(a.guard, c.t.SrcIn(s), nft.Goto(x))
		}
		c.tx.Rule(a.guard, nft.Drop)
	}
}

// outsideRules lead packets from outside to endpoints. With policy Local the
// client's address is kept, and only endpoints on this node serve; what comes
// from within the cluster is served by any, as if it came to the cluster IP.
func (t *table) outsideRules(tx nft.Tx, chain *nftables.Chain, p *port) {
	if !p.outsideLocal {
		tx.Rule(chain, nft.Mark(masqueradeMark), nft.Goto("c-"+p.id))
		return
	}
	if len(p.cluster) > 0 {
		for _, cidr := range t.cfg.ClusterCIDRs {
			if t.Has(cidr.Addr()) {
				tx.Rule(chain, t.SrcIn(cidr), nft.Goto("c-"+p.id))
			}
		}
		tx.Rule(chain, nft.SrcLocal(), nft.Mark(masqueradeMark), nft.Goto("c-"+p.id))
	}
	if len(p.local) > 0 {
		tx.Rule(chain, nft.Goto("l-"+p.id))
		return
	}
	tx.Rule(chain, nft.Drop)
}

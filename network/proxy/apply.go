package proxy

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"syscall"

	"github.com/google/nftables"

	"minke/client"
	"minke/network/nft"
)

func notFound(err error) bool { return errors.Is(err, syscall.ENOENT) }

// change is one transaction on one family's table, being written.
type change struct {
	t       *table
	tx      nft.Tx
	adds    map[*nftables.Set][]nftables.SetElement
	ips     delta
	onNode  delta
	stale   []stale
	forgets []forget
	retry   []client.Key
}

// forget is affinity to endpoints that are gone.
type forget struct {
	pick *pick
	gone []netip.AddrPort
}

func (t *table) change(tx nft.Tx) *change {
	return &change{t: t, tx: tx, adds: map[*nftables.Set][]nftables.SetElement{}, ips: delta{}, onNode: delta{}}
}

// service makes the Service's ports as wanted. Elements that lead to chains go
// first and come last, since the kernel keeps a chain that something leads to.
func (c *change) service(k client.Key, wanted []*port) error {
	next := map[string]*port{}
	for _, p := range wanted {
		next[p.id] = p
	}
	for _, id := range c.t.byService[k] {
		if next[id] == nil {
			if err := c.port(c.t.ports[id], &port{id: id, service: k}); err != nil {
				return fmt.Errorf("remove %s: %w", id, err)
			}
			delete(c.t.ports, id)
		}
	}
	delete(c.t.byService, k)
	for _, id := range slices.Sorted(maps.Keys(next)) {
		a := c.t.ports[id]
		if a == nil {
			a = &applied{port: &port{}, entries: entries{}, own: map[string]*nftables.Chain{}}
			c.t.ports[id] = a
		}
		if err := c.port(a, next[id]); err != nil {
			return fmt.Errorf("serve %s: %w", id, err)
		}
		c.t.byService[k] = append(c.t.byService[k], id)
	}
	return nil
}

// port makes one port as wanted.
func (c *change) port(a *applied, want *port) error {
	l := c.layOut(a, want, c.claimed(a.port, want))
	if err := c.leave(a, l.entries); err != nil {
		return err
	}
	for _, chain := range a.own {
		c.tx.FlushChain(chain)
	}
	var gone []netip.AddrPort
	for _, p := range []struct {
		have  **pick
		next  *pick
		addrs []netip.AddrPort
	}{{&a.cluster, l.cluster, want.cluster}, {&a.local, l.local, want.local}} {
		g, err := c.replace(p.have, p.next, p.addrs)
		if err != nil {
			return err
		}
		gone = append(gone, g...)
	}
	c.writeOwn(a, l)
	c.use(a, l.shared)
	c.enter(a, l.entries)
	c.count(a.port, want)
	c.noteStale(a.port, want, gone)
	a.port = want
	return nil
}

// claimed returns the fronts that the port may have, and gives back those it
// does not want any more.
func (c *change) claimed(old, want *port) []front {
	for f := range old.fronts {
		if _, still := want.fronts[f]; !still {
			c.retry = append(c.retry, c.t.disclaim(f, old.id)...)
		}
	}
	var mine []front
	for f := range want.fronts {
		if c.t.claim(f, want.id, want.service) {
			mine = append(mine, f)
		}
	}
	return mine
}

// replace makes next, with its endpoints, the pick in use; it returns the
// endpoints that were in use before and are not any more.
func (c *change) replace(have **pick, next *pick, addrs []netip.AddrPort) (gone []netip.AddrPort, err error) {
	old := *have
	*have = next
	if old != nil && old != next {
		_, gone = reslot(old.addrs, addrs)
		old.remove(c.tx)
	}
	if next == nil {
		return gone, nil
	}
	if next != old {
		if err := next.create(c.tx); err != nil {
			return nil, err
		}
	}
	left, err := c.t.set(c.tx, next, addrs)
	if len(left) > 0 && next.clients != nil {
		c.forgets = append(c.forgets, forget{next, left})
	}
	return append(gone, left...), err
}

// leave takes out the elements that lead elsewhere now.
func (c *change) leave(a *applied, next entries) error {
	remove := map[*nftables.Set][]nftables.SetElement{}
	for e, value := range a.entries {
		if now, still := next[e]; !still || now != value {
			remove[e.set] = append(remove[e.set], e.element(value))
			delete(a.entries, e)
		}
	}
	for set, elements := range remove {
		if err := c.tx.Delete(set, elements...); err != nil {
			return err
		}
	}
	return nil
}

// enter notes the elements to add, which goes on when every Service has left
// what it leaves.
func (c *change) enter(a *applied, next entries) {
	for e, value := range next {
		if _, already := a.entries[e]; !already {
			c.adds[e.set] = append(c.adds[e.set], e.element(value))
			a.entries[e] = value
		}
	}
}

// count keeps the sets that all Services share.
func (c *change) count(old, want *port) {
	each := func(p *port, n int) {
		for f, e := range p.fronts {
			if e == inside {
				c.ips[f.addr] += n
			}
		}
		for _, a := range p.onNode {
			c.onNode[a] += n
		}
	}
	each(old, -1)
	each(want, 1)
}

// finish writes what had to wait.
func (c *change) finish() error {
	for set, elements := range c.adds {
		if err := c.tx.Add(set, elements...); err != nil {
			return err
		}
	}
	c.sweep()
	single := func(a netip.Addr) nftables.SetElement { return nftables.SetElement{Key: nft.Addr(a)} }
	double := func(a netip.Addr) nftables.SetElement {
		return nftables.SetElement{Key: nft.Key(nft.Addr(a), nft.Addr(a))}
	}
	if err := c.t.ips.write(c.ips, single, c.t.clusterIPs, c.tx); err != nil {
		return err
	}
	return c.t.onNode.write(c.onNode, double, c.t.hairpins, c.tx)
}

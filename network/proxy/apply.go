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
			a = &applied{port: &port{}, fronts: map[front]target{}}
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
	fronts := c.targets(want)
	if err := c.leave(a, fronts); err != nil {
		return err
	}
	c.dropEntrances(a)
	old := a.port
	gone, err := c.picks(a, want)
	if err != nil {
		return err
	}
	c.entrances(a, want, fronts)
	c.enter(a, fronts)
	c.count(old, want)
	c.noteStale(old, want, gone)
	a.port = want
	return nil
}

// targets says where each front of the port leads, for those it may have.
func (c *change) targets(p *port) map[front]target {
	to := map[front]target{}
	for f, e := range p.fronts {
		if c.t.claim(f, p.id, p.service) {
			to[f] = p.target(e)
		}
	}
	return to
}

func (p *port) target(e entrance) target {
	switch {
	case len(p.cluster) == 0 && len(p.local) == 0:
		return target{refused: true, chain: refuseChain}
	case e == inside && p.insideLocal && len(p.local) == 0:
		return target{refused: true, chain: ignoreChain}
	case e == inside && p.insideLocal:
		return target{chain: "l-" + p.id}
	case e == inside:
		return target{chain: "c-" + p.id}
	case e == guarded && len(p.sources) > 0:
		return target{chain: "g-" + p.id}
	default:
		return target{chain: "x-" + p.id}
	}
}

// leave takes out the elements that lead elsewhere now.
func (c *change) leave(a *applied, next map[front]target) error {
	for f, to := range a.fronts {
		if now, still := next[f]; still && now == to {
			continue
		} else if !still {
			c.retry = append(c.retry, c.t.disclaim(f, a.port.id)...)
		}
		set, e := c.t.element(f, to)
		if err := c.tx.Delete(set, e); err != nil {
			return err
		}
		delete(a.fronts, f)
	}
	return nil
}

// enter notes the elements to add, which goes on when every Service has left
// what it leaves.
func (c *change) enter(a *applied, next map[front]target) {
	for f, to := range next {
		if _, already := a.fronts[f]; already {
			continue
		}
		set, e := c.t.element(f, to)
		c.adds[set] = append(c.adds[set], e)
		a.fronts[f] = to
	}
}

func (t *table) element(f front, to target) (*nftables.Set, nftables.SetElement) {
	set, key := t.services, nft.Key(nft.Addr(f.addr), []byte{f.proto}, nft.Port(f.port))
	if !f.addr.IsValid() {
		set, key = t.nodePorts, nft.Key([]byte{f.proto}, nft.Port(f.port))
	}
	if to.refused && set == t.services {
		set = t.refused
	} else if to.refused {
		set = t.refusedPorts
	}
	return set, nft.GotoElement(key, to.chain)
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
	single := func(a netip.Addr) nftables.SetElement { return nftables.SetElement{Key: nft.Addr(a)} }
	double := func(a netip.Addr) nftables.SetElement {
		return nftables.SetElement{Key: nft.Key(nft.Addr(a), nft.Addr(a))}
	}
	if err := c.t.ips.write(c.ips, single, c.t.clusterIPs, c.tx); err != nil {
		return err
	}
	return c.t.onNode.write(c.onNode, double, c.t.hairpins, c.tx)
}

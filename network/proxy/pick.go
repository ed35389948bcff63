package proxy

import (
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"

	"minke/network/nft"
)

// maxClients bounds how many clients' endpoints one port remembers.
const maxClients = 65536

// pick chooses one of several endpoints: a chain, and the map of numbers to
// endpoints that it draws from.
type pick struct {
	chain    *nftables.Chain
	slots    *nftables.Set
	clients  *nftables.Set // nil without affinity
	affinity time.Duration
	addrs    []netip.AddrPort // what each number stands for
}

// newPick creates the chain and the maps, empty.
func (t *table) newPick(tx nft.Tx, prefix string, p *port) (*pick, error) {
	target := nft.Concat(t.AddrType, nftables.TypeInetService)
	k := &pick{affinity: p.affinity,
		slots: &nftables.Set{Table: t.nft, Name: prefix + "-" + p.id, IsMap: true, KeyType: nftables.TypeInteger, DataType: target}}
	if err := tx.Set(k.slots); err != nil {
		return nil, err
	}
	if p.affinity > 0 {
		k.clients = &nftables.Set{Table: t.nft, Name: prefix + "a-" + p.id, IsMap: true, KeyType: t.AddrType, DataType: target,
			HasTimeout: true, Dynamic: true, Timeout: p.affinity, Size: maxClients}
		if err := tx.Set(k.clients); err != nil {
			return nil, err
		}
	}
	k.chain = tx.Chain(t.nft, prefix+"-"+p.id)
	return k, nil
}

// set makes the pick choose among addrs, changing only the slots that must
// change, and returns the addresses that were chosen among before.
func (t *table) set(tx nft.Tx, k *pick, addrs []netip.AddrPort) (gone []netip.AddrPort, err error) {
	next, gone := reslot(k.addrs, addrs)
	var remove, add []nftables.SetElement
	for i := range max(len(k.addrs), len(next)) {
		had, has := i < len(k.addrs), i < len(next)
		if had && has && k.addrs[i] == next[i] {
			continue
		}
		if had {
			remove = append(remove, slot(i, k.addrs[i]))
		}
		if has {
			add = append(add, slot(i, next[i]))
		}
	}
	if err := tx.Delete(k.slots, remove...); err != nil {
		return nil, err
	}
	if err := tx.Add(k.slots, add...); err != nil {
		return nil, err
	}
	if len(next) != len(k.addrs) {
		tx.FlushChain(k.chain)
		t.pickRules(tx, k, len(next))
	}
	k.addrs = next
	return gone, nil
}

func slot(i int, a netip.AddrPort) nftables.SetElement {
	return nftables.SetElement{Key: nft.Index(i), Val: nft.Key(nft.Addr(a.Addr()), nft.Port(a.Port()))}
}

// reslot places wanted so that as many as possible keep their slot: new ones
// take the slots of those gone, and holes are filled from the end.
func reslot(have, wanted []netip.AddrPort) (next, gone []netip.AddrPort) {
	keep := make(map[netip.AddrPort]bool, len(wanted))
	for _, a := range wanted {
		keep[a] = true
	}
	next = slices.Clone(have)
	var holes []int
	for i, a := range have {
		if !keep[a] {
			holes = append(holes, i)
			gone = append(gone, a)
		}
		delete(keep, a)
	}
	for _, a := range wanted {
		if !keep[a] {
			continue
		}
		if len(holes) > 0 {
			next[holes[0]] = a
			holes = holes[1:]
		} else {
			next = append(next, a)
		}
	}
	for i := len(holes) - 1; i >= 0; i-- {
		last := len(next) - 1
		next[holes[i]] = next[last]
		next = next[:last]
	}
	return next, gone
}

// pickRules draws a number; with affinity only for clients that are not
// remembered. The client's address is at Reg, the endpoint after it.
func (t *table) pickRules(tx nft.Tx, k *pick, n int) {
	if k.clients == nil {
		tx.Rule(k.chain, nft.Random(n), nft.Map(k.slots, nft.Reg), t.DNAT(nft.Reg))
		return
	}
	client, to := uint32(nft.Reg), nft.Reg+t.Regs
	tx.Rule(k.chain, t.Src(client), nft.Map(k.clients, to), nft.Remember(k.clients, client, to), t.DNAT(to))
	tx.Rule(k.chain, nft.Random(n), nft.Map(k.slots, to), t.Src(client), nft.Remember(k.clients, client, to), t.DNAT(to))
}

// forget deletes what clients remember of endpoints that are gone. It runs
// after the transaction that took them out of the slots, since until then a
// client could remember one anew.
func (k *pick) forget(rules *nft.Conn, gone []netip.AddrPort) error {
	stale := map[string]bool{}
	for _, a := range gone {
		stale[string(slot(0, a).Val)] = true
	}
	var remove []nftables.SetElement
	err := rules.Read(func(c *nftables.Conn) error {
		elements, err := c.GetSetElements(k.clients)
		for _, e := range elements {
			if stale[string(e.Val)] {
				remove = append(remove, nftables.SetElement{Key: e.Key})
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	// One at a time: one that timed out meanwhile must not keep the others.
	for _, e := range remove {
		if err := rules.Apply(func(tx nft.Tx) error { return tx.Delete(k.clients, e) }); err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

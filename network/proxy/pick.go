package proxy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"

	"minke/network/nft"
)

// maxClients bounds how many clients' endpoints one port remembers.
const maxClients = 65536

// pick is a choice among several endpoints. Without affinity it is nothing but
// the order of endpoints in shared maps. With affinity it has a chain and maps
// of its own.
//
// Few things are its own because the kernel finds a map by walking all of a
// table, and walks a map whenever another rule comes to use it: with a chain or
// a map for each Service, five thousand Services took ten seconds to load.
type pick struct {
	policy   policy
	affinity time.Duration
	addrs    []netip.AddrPort // what each slot stands for
	// with affinity:
	chain   *nftables.Chain
	slots   *nftables.Set // number to endpoint
	clients *nftables.Set // client to endpoint
}

// plan returns the pick to use from now on: the same, another, or none.
func (t *table) plan(k *pick, of policy, p *port, addrs []netip.AddrPort) *pick {
	switch {
	case len(addrs) == 0:
		return nil
	case k != nil && k.affinity == p.affinity:
		return k
	}
	n := &pick{policy: of, affinity: p.affinity}
	if n.affinity > 0 {
		// The number makes it another chain than that of the pick before.
		t.lastPick++
		name := fmt.Sprintf("%s%d-%s", of, t.lastPick, p.id)
		target := nft.Concat(t.AddrType, nftables.TypeInetService)
		n.chain = &nftables.Chain{Table: t.nft, Name: name}
		n.slots = &nftables.Set{Table: t.nft, Name: "slots-" + name, IsMap: true, KeyType: nftables.TypeMark, DataType: target}
		n.clients = &nftables.Set{Table: t.nft, Name: "clients-" + name, IsMap: true, KeyType: t.AddrType, DataType: target,
			HasTimeout: true, Dynamic: true, Timeout: n.affinity, Size: maxClients}
	}
	return n
}

// create makes what is the pick's own.
func (k *pick) create(tx nft.Tx) error {
	if k.chain == nil {
		return nil
	}
	tx.AddChain(k.chain)
	if err := tx.Set(k.slots); err != nil {
		return err
	}
	return tx.Set(k.clients)
}

// remove takes away what is the pick's own, when nothing leads to it any more.
func (k *pick) remove(tx nft.Tx) {
	if k.chain == nil {
		return
	}
	tx.FlushChain(k.chain)
	tx.DelChain(k.chain)
	tx.DelSet(k.slots)
	tx.DelSet(k.clients)
}

// set makes the pick choose among addrs, changing only the slots that must
// change, and returns those that were chosen among before and are not any more.
func (t *table) set(tx nft.Tx, k *pick, addrs []netip.AddrPort) (gone []netip.AddrPort, err error) {
	next, gone := reslot(k.addrs, addrs)
	before := k.addrs
	k.addrs = next
	if k.chain == nil {
		return gone, nil
	}
	if len(next) != len(before) {
		tx.FlushChain(k.chain)
		t.affinityRules(tx, k, len(next))
	}
	var remove, add []nftables.SetElement
	for i := range max(len(before), len(next)) {
		had, has := i < len(before), i < len(next)
		if had && has && before[i] == next[i] {
			continue
		}
		if had {
			remove = append(remove, slot(i, before[i]))
		}
		if has {
			add = append(add, slot(i, next[i]))
		}
	}
	if err := tx.Delete(k.slots, remove...); err != nil {
		return nil, err
	}
	return gone, tx.Add(k.slots, add...)
}

func slot(i int, a netip.AddrPort) nftables.SetElement {
	return nftables.SetElement{Key: nft.Number(uint32(i)), Val: endpointValue(a)}
}

func endpointValue(a netip.AddrPort) []byte { return nft.Key(nft.Addr(a.Addr()), nft.Port(a.Port())) }

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

// affinityRules draw a slot for clients that are not remembered. The client's
// address is at Reg, the endpoint after it.
func (t *table) affinityRules(tx nft.Tx, k *pick, n int) {
	client, to := uint32(nft.Reg), nft.Reg+t.Regs
	tx.Rule(k.chain, t.Src(client), nft.Map(k.clients, to), nft.Remember(k.clients, client, to), t.DNAT(to))
	tx.Rule(k.chain, nft.Random(nft.Reg, n), nft.Map(k.slots, to), t.Src(client), nft.Remember(k.clients, client, to), t.DNAT(to))
}

// forget deletes what clients remember of endpoints that are gone. It runs
// after the transaction that took them out of the slots, since until then a
// client could remember one anew.
func (k *pick) forget(rules *nft.Conn, gone []netip.AddrPort) error {
	stale := map[string]bool{}
	for _, a := range gone {
		stale[string(endpointValue(a))] = true
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

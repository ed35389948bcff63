package proxy

import (
	"fmt"

	"github.com/google/nftables"

	"minke/network/nft"
)

// policy is which endpoints may be chosen.
type policy string

const (
	anywhere   policy = "c" // of the cluster
	onThisNode policy = "l" // local ones
)

// keyKind is how a front is found: by address . protocol . port, or as a node
// port by protocol . port.
type keyKind string

const (
	byAddr keyKind = "a"
	byPort keyKind = "p"
)

func (f front) kind() keyKind {
	if f.addr.IsValid() {
		return byAddr
	}
	return byPort
}

func (f front) key() string {
	if f.kind() == byPort {
		return string(nft.Key([]byte{f.proto}, nft.Port(f.port)))
	}
	return string(nft.Key(nft.Addr(f.addr), []byte{f.proto}, nft.Port(f.port)))
}

// way is a chain that every port with so many endpoints shares.
type way struct {
	policy     policy
	kind       keyKind
	n          int
	masquerade bool
}

// name is such as ca-3 or, with masquerading, m-ca-3.
func (w way) name() string {
	name := fmt.Sprintf("%s%s-%d", w.policy, w.kind, w.n)
	if w.masquerade {
		return "m-" + name
	}
	return name
}

// sharedChain is a chain and how many ports use it.
type sharedChain struct {
	way   way
	chain *nftables.Chain
	uses  int
}

// share makes the chain exist.
func (t *table) share(tx nft.Tx, w way) *sharedChain {
	if s := t.shared[w.name()]; s != nil {
		return s
	}
	s := &sharedChain{way: w}
	t.shared[w.name()] = s
	if w.masquerade {
		plain := w
		plain.masquerade = false
		target := t.share(tx, plain)
		target.uses++
		s.chain = tx.Chain(t.nft, w.name())
		tx.Rule(s.chain, nft.Mark(masqueradeMark), nft.Goto(plain.name()))
		return s
	}
	s.chain = tx.Chain(t.nft, w.name())
	load, number := nft.ProtoPort(nft.Reg), uint32(nft.Reg+2)
	if w.kind == byAddr {
		load, number = nft.Join(t.Dst(nft.Reg), nft.ProtoPort(nft.Reg+t.Regs)), nft.Reg+t.Regs+2
	}
	tx.Rule(s.chain, load, nft.Random(number, w.n), nft.Map(t.endpoints[w.policy][w.kind], nft.Reg), t.DNAT(nft.Reg))
	return s
}

// use changes which shared chains a port uses. Chains without users go at the
// end of the transaction, when nothing leads to them any more.
func (c *change) use(a *applied, next map[string]bool) {
	for name := range next {
		if !a.shared[name] {
			c.t.shared[name].uses++
		}
	}
	for name := range a.shared {
		if !next[name] {
			c.t.shared[name].uses--
		}
	}
	a.shared = next
}

// sweep deletes shared chains without users, those that lead to others first.
func (c *change) sweep() {
	for _, masquerade := range []bool{true, false} {
		for name, s := range c.t.shared {
			if s.uses > 0 || s.way.masquerade != masquerade {
				continue
			}
			c.tx.FlushChain(s.chain)
			c.tx.DelChain(s.chain)
			delete(c.t.shared, name)
			if masquerade {
				plain := s.way
				plain.masquerade = false
				c.t.shared[plain.name()].uses--
			}
		}
	}
}

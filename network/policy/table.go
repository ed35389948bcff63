package policy

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"minke/network/nft"
)

// table is one family's rules, and the model that the kernel holds.
//
//	out-forward, out-input   a pod's packets: source ─► pod-out-IP
//	in-forward               packets to a pod: destination ─► pod-in-IP
//	pod-in-IP                each policy that selects the pod in turn, then drop
//	policy-in-NAME           accepts what the policy allows, else comes back
//
// Egress and ingress are hooked in one after the other, so that "accept" in the
// first does not pass by the second.
type table struct {
	nft.Family
	cfg     Config
	nft     *nftables.Table
	guards  map[direction]*nftables.Set
	applied *model
}

func newTable(f nft.Family, cfg Config) *table {
	t := &table{Family: f, cfg: cfg, nft: &nftables.Table{Name: cfg.Table, Family: f.Table}, guards: map[direction]*nftables.Set{}}
	for _, d := range []direction{ingress, egress} {
		t.guards[d] = &nftables.Set{Table: t.nft, Name: "pods-" + string(d), IsMap: true, KeyType: f.AddrType, DataType: nftables.TypeVerdict}
	}
	return t
}

func (t *table) setNamed(name string, withPort bool) *nftables.Set {
	s := &nftables.Set{Table: t.nft, Name: name, KeyType: t.AddrType}
	if withPort {
		s.Concatenation, s.KeyType = true, nft.Concat(t.AddrType, nftables.TypeInetProto, nftables.TypeInetService)
	}
	return s
}

// create writes the table without any policy, in place of what is there.
func (t *table) create(tx nft.Tx) error {
	t.applied = &model{}
	tx.Replace(t.nft)
	for _, s := range t.guards {
		if err := tx.Set(s); err != nil {
			return err
		}
	}
	base := func(name string, hook *nftables.ChainHook, order nftables.ChainPriority) *nftables.Chain {
		c := tx.BaseChain(t.nft, name, nft.Base{Type: nftables.ChainTypeFilter, Hook: hook, Priority: *nftables.ChainPriorityFilter + order})
		tx.Rule(c, nft.Established(), nft.Accept)
		return c
	}
	tx.Rule(base("out-forward", nftables.ChainHookForward, 0), t.Src(nft.Reg), nft.VMap(t.guards[egress]))
	tx.Rule(base("in-forward", nftables.ChainHookForward, 1), t.Dst(nft.Reg), nft.VMap(t.guards[ingress]))
	input := base("out-input", nftables.ChainHookInput, 0)
	if t.Bits == 128 {
		// Neighbour discovery is how a pod finds its gateway (RFC 4861).
		tx.Rule(input, nft.Proto(unix.IPPROTO_ICMPV6), nft.ICMPTypeIn(133, 136), nft.Accept)
	}
	for _, a := range t.cfg.Infrastructure {
		if t.Has(a) {
			tx.Rule(input, t.DstIn(netip.PrefixFrom(a, a.BitLen())), nft.Accept)
		}
	}
	tx.Rule(input, t.Src(nft.Reg), nft.VMap(t.guards[egress]))
	return nil
}

// apply writes the difference between the model in the kernel and next.
// Elements and rules that lead to chains go first and come last.
func (t *table) apply(tx nft.Tx, next *model) error {
	have := t.applied
	for d, s := range t.guards {
		for pod, chain := range have.guarded[d] {
			if next.guarded[d][pod] != chain {
				if err := tx.Delete(s, nft.GotoElement(nft.Addr(pod), chain)); err != nil {
					return err
				}
			}
		}
	}
	changed := t.empty(tx, have, next)
	if err := t.applySets(tx, have, next); err != nil {
		return err
	}
	for chain := range changed {
		tx.Chain(t.nft, chain)
	}
	for chain := range changed {
		for _, r := range next.chains[chain] {
			tx.Rule(&nftables.Chain{Table: t.nft, Name: chain}, r.expr)
		}
	}
	for d, s := range t.guards {
		for pod, chain := range next.guarded[d] {
			if have.guarded[d][pod] != chain {
				if err := tx.Add(s, nft.GotoElement(nft.Addr(pod), chain)); err != nil {
					return err
				}
			}
		}
	}
	t.applied = next
	return nil
}

// empty flushes the chains that change and deletes those that go; it returns
// the ones to write.
func (t *table) empty(tx nft.Tx, have, next *model) map[string]bool {
	changed := map[string]bool{}
	var gone []string
	for name, rules := range next.chains {
		before, existed := have.chains[name]
		same := existed && slices.EqualFunc(before, rules, func(a, b rule) bool { return a.text == b.text })
		if !same {
			changed[name] = true
		}
		if existed && !same {
			tx.FlushChain(&nftables.Chain{Table: t.nft, Name: name})
		}
	}
	for name := range have.chains {
		if _, stays := next.chains[name]; !stays {
			gone = append(gone, name)
			tx.FlushChain(&nftables.Chain{Table: t.nft, Name: name})
		}
	}
	for _, name := range gone {
		tx.DelChain(&nftables.Chain{Table: t.nft, Name: name})
	}
	return changed
}

func (t *table) applySets(tx nft.Tx, have, next *model) error {
	for name, s := range have.sets {
		if _, stays := next.sets[name]; !stays {
			tx.DelSet(t.setNamed(name, s.withPort))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.sets)) {
		want, before := next.sets[name], have.sets[name]
		s := t.setNamed(name, want.withPort)
		if _, exists := have.sets[name]; !exists {
			if err := tx.Set(s); err != nil {
				return err
			}
		}
		if err := tx.Delete(s, missing(before.elements, want.elements)...); err != nil {
			return err
		}
		if err := tx.Add(s, missing(want.elements, before.elements)...); err != nil {
			return err
		}
	}
	return nil
}

// missing are the keys of a that b lacks.
func missing(a, b map[string]bool) (all []nftables.SetElement) {
	for key := range a {
		if !b[key] {
			all = append(all, nftables.SetElement{Key: []byte(key)})
		}
	}
	return all
}

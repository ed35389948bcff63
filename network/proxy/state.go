package proxy

import (
	"net/netip"

	"github.com/google/nftables"

	"minke/client"
	"minke/network/nft"
)

// state is what the kernel holds.
type state struct {
	ports     map[string]*applied
	byService map[client.Key][]string // ids of each Service's ports
	// owners has the port that a front leads to; where two Services claim the
	// same, the first has it and others wait.
	owners  map[front]string
	waiting map[front]map[client.Key]bool
	// shared are the chains that many ports use, by name.
	shared map[string]*sharedChain
	// lastPick numbers the picks with affinity.
	lastPick uint32
	ips      counted // users of each cluster IP
	onNode   counted // users of each endpoint on this node
}

// applied is one port of a Service as the kernel holds it.
type applied struct {
	port           *port
	entries        entries
	cluster, local *pick
	own            map[string]*nftables.Chain
	shared         map[string]bool
}

// entries are elements of maps that all Services share: what each key leads
// to, a chain's name or, where the map is none of verdicts, data.
type entries map[entry]string

type entry struct {
	set *nftables.Set
	key string
}

func (e entry) element(value string) nftables.SetElement {
	if e.set.DataType.Name == nftables.TypeVerdict.Name {
		return nft.GotoElement([]byte(e.key), value)
	}
	return nftables.SetElement{Key: []byte(e.key), Val: []byte(value)}
}

func (s *state) reset() {
	*s = state{ports: map[string]*applied{}, byService: map[client.Key][]string{}, owners: map[front]string{},
		waiting: map[front]map[client.Key]bool{}, shared: map[string]*sharedChain{}, ips: counted{}, onNode: counted{}}
}

// counted is a set whose members have several users.
type counted map[netip.Addr]int

// delta is how the numbers of users change within one transaction.
type delta map[netip.Addr]int

// write applies the change to the numbers, and to the set where they come from
// or go to zero.
func (c counted) write(d delta, element func(netip.Addr) nftables.SetElement, s *nftables.Set, tx nft.Tx) error {
	var add, remove []nftables.SetElement
	for a, n := range d {
		before, after := c[a], c[a]+n
		if after == 0 {
			delete(c, a)
		} else {
			c[a] = after
		}
		switch {
		case before == 0 && after > 0:
			add = append(add, element(a))
		case before > 0 && after == 0:
			remove = append(remove, element(a))
		}
	}
	if err := tx.Delete(s, remove...); err != nil {
		return err
	}
	return tx.Add(s, add...)
}

// claim makes id the owner of the front, or notes that it waits for it.
func (s *state) claim(f front, id string, service client.Key) bool {
	owner, taken := s.owners[f]
	if !taken || owner == id {
		s.owners[f] = id
		delete(s.waiting[f], service)
		return true
	}
	if s.waiting[f] == nil {
		s.waiting[f] = map[client.Key]bool{}
	}
	s.waiting[f][service] = true
	return false
}

// disclaim frees the front and returns the Services that waited for it.
func (s *state) disclaim(f front, id string) []client.Key {
	if s.owners[f] != id {
		return nil
	}
	delete(s.owners, f)
	var waited []client.Key
	for k := range s.waiting[f] {
		waited = append(waited, k)
	}
	delete(s.waiting, f)
	return waited
}

package endpointslice

import (
	"cmp"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// maxEndpoints is the most endpoints that one slice holds.
const maxEndpoints = 100

// plan is what has to be written. Its slices may be changed freely.
type plan struct {
	create, update, delete []*discoveryv1.EndpointSlice
}

// planSlices finds the fewest writes that bring existing slices, which it does
// not change, to the wanted groups. fresh makes an empty slice for a group,
// labelled brings a slice's labels up to date.
func planSlices(existing []*discoveryv1.EndpointSlice, groups []*group, fresh func(*group) *discoveryv1.EndpointSlice, labelled func(*discoveryv1.EndpointSlice)) plan {
	var p plan
	left := slices.Clone(existing)
	for _, g := range groups {
		var mine []*discoveryv1.EndpointSlice
		left = slices.DeleteFunc(left, func(s *discoveryv1.EndpointSlice) bool {
			fits := s.AddressType == g.family && samePorts(s.Ports, g.ports)
			if fits {
				mine = append(mine, s)
			}
			return fits
		})
		p.group(mine, g, fresh, labelled)
	}
	p.delete = append(p.delete, left...)
	p.reuse()
	return p
}

func samePorts(a, b []discoveryv1.EndpointPort) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, comparePorts)
	slices.SortFunc(b, comparePorts)
	return equality.Semantic.DeepEqual(a, b)
}

// group plans one group: what stays is updated where it is, what is new goes
// into slices that change anyway, then where it fits as a whole, then into new
// slices.
func (p *plan) group(existing []*discoveryv1.EndpointSlice, g *group, fresh func(*group) *discoveryv1.EndpointSlice, labelled func(*discoveryv1.EndpointSlice)) {
	missing := make(map[endpointKey]discoveryv1.Endpoint, len(g.endpoints))
	for key, e := range g.endpoints {
		missing[key] = e
	}
	var changed, same []*discoveryv1.EndpointSlice
	for _, old := range existing {
		next := old.DeepCopy()
		next.Endpoints = next.Endpoints[:0]
		for i := range old.Endpoints {
			key := keyOf(&old.Endpoints[i])
			if e, ok := missing[key]; ok {
				next.Endpoints = append(next.Endpoints, e)
				delete(missing, key)
			}
		}
		labelled(next)
		switch {
		case len(next.Endpoints) == 0 && (len(g.endpoints) > 0 || len(changed)+len(same) > 0):
			p.delete = append(p.delete, old)
		case equality.Semantic.DeepEqual(old, next):
			same = append(same, next)
		default:
			changed = append(changed, next)
		}
	}
	rest := sorted(missing)
	for _, s := range changed {
		rest = fill(s, rest)
	}
	slices.SortStableFunc(same, func(a, b *discoveryv1.EndpointSlice) int { return -cmp.Compare(len(a.Endpoints), len(b.Endpoints)) })
	for _, s := range same {
		if len(rest) > 0 && len(s.Endpoints)+len(rest) <= maxEndpoints {
			rest = fill(s, rest)
			changed = append(changed, s)
		}
	}
	// A group without endpoints still has one slice.
	for first := len(existing) == 0 && len(g.endpoints) == 0; first || len(rest) > 0; first = false {
		s := fresh(g)
		labelled(s)
		rest = fill(s, rest)
		p.create = append(p.create, s)
	}
	p.update = append(p.update, changed...)
}

func fill(s *discoveryv1.EndpointSlice, rest []discoveryv1.Endpoint) []discoveryv1.Endpoint {
	n := min(len(rest), maxEndpoints-len(s.Endpoints))
	s.Endpoints = append(s.Endpoints, rest[:n]...)
	return rest[n:]
}

func sorted(endpoints map[endpointKey]discoveryv1.Endpoint) []discoveryv1.Endpoint {
	all := make([]discoveryv1.Endpoint, 0, len(endpoints))
	for _, e := range endpoints {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b discoveryv1.Endpoint) int {
		ka, kb := keyOf(&a), keyOf(&b)
		return cmp.Or(cmp.Compare(ka.address, kb.address), cmp.Compare(ka.uid, kb.uid))
	})
	return all
}

// reuse turns a deletion and a creation of the same address type into one
// update: watchers then see no moment without the service.
func (p *plan) reuse() {
	p.create = slices.DeleteFunc(p.create, func(next *discoveryv1.EndpointSlice) bool {
		i := slices.IndexFunc(p.delete, func(old *discoveryv1.EndpointSlice) bool { return old.AddressType == next.AddressType })
		if i < 0 {
			return false
		}
		old := p.delete[i].DeepCopy()
		old.Labels, old.OwnerReferences = next.Labels, next.OwnerReferences
		old.Ports, old.Endpoints = next.Ports, next.Endpoints
		p.update = append(p.update, old)
		p.delete = slices.Delete(p.delete, i, i+1)
		return true
	})
}

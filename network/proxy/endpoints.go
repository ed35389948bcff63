package proxy

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
	"minke/network/nft"
)

// place is where this node is.
type place struct{ node, zone string }

// endpoint is one endpoint of a service port.
type endpoint struct {
	addr               netip.AddrPort
	node               string
	ready, serving     bool
	terminating        bool
	forZones, forNodes []string
}

// endpoints collects those of the port, each once, in order of address.
func endpoints(f nft.Family, sp corev1.ServicePort, from []*discoveryv1.EndpointSlice) []endpoint {
	found := map[netip.AddrPort]endpoint{}
	for _, s := range from {
		number := portNumber(s, sp)
		if number == 0 {
			continue
		}
		for _, e := range s.Endpoints {
			got, ok := read(f, e, number)
			if !ok {
				continue
			}
			// An endpoint may be in two slices while it moves: ready wins.
			if had, twice := found[got.addr]; !twice || !had.ready {
				found[got.addr] = got
			}
		}
	}
	all := make([]endpoint, 0, len(found))
	for _, e := range found {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b endpoint) int {
		return cmp.Or(a.addr.Addr().Compare(b.addr.Addr()), cmp.Compare(a.addr.Port(), b.addr.Port()))
	})
	return all
}

func portNumber(s *discoveryv1.EndpointSlice, sp corev1.ServicePort) uint16 {
	for _, p := range s.Ports {
		name, proto := "", corev1.ProtocolTCP
		if p.Name != nil {
			name = *p.Name
		}
		if p.Protocol != nil {
			proto = *p.Protocol
		}
		if name == sp.Name && proto == sp.Protocol && p.Port != nil {
			return uint16(*p.Port)
		}
	}
	return 0
}

func read(f nft.Family, e discoveryv1.Endpoint, number uint16) (endpoint, bool) {
	if len(e.Addresses) == 0 {
		return endpoint{}, false
	}
	// Only the first address counts (discovery/v1, Endpoint.Addresses).
	a, err := netip.ParseAddr(e.Addresses[0])
	// An address that means another thing to each node is nobody's endpoint:
	// whoever can write an EndpointSlice would reach what listens there through
	// others who can (CVE-2021-25740 and kin).
	if err != nil || !f.Has(a) || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return endpoint{}, false
	}
	got := endpoint{addr: netip.AddrPortFrom(a.Unmap(), number)}
	// Unknown means ready and serving, and not terminating (discovery/v1).
	got.ready = e.Conditions.Ready == nil || *e.Conditions.Ready
	got.serving = got.ready
	if e.Conditions.Serving != nil {
		got.serving = *e.Conditions.Serving
	}
	got.terminating = e.Conditions.Terminating != nil && *e.Conditions.Terminating
	if e.NodeName != nil {
		got.node = *e.NodeName
	}
	if e.Hints != nil {
		for _, z := range e.Hints.ForZones {
			got.forZones = append(got.forZones, z.Name)
		}
		for _, n := range e.Hints.ForNodes {
			got.forNodes = append(got.forNodes, n.Name)
		}
	}
	return got, true
}

type choice struct {
	cluster, local []netip.AddrPort
	onNode         []netip.Addr
}

// choose picks the endpoints of each traffic policy: the ready ones, near ones
// where hints say so; where none is ready, those that still serve while they
// terminate (KEP-1669).
func choose(all []endpoint, at place) choice {
	ready := func(e endpoint) bool { return e.ready }
	draining := func(e endpoint) bool { return e.serving && e.terminating }
	here := func(e endpoint) bool { return e.node == at.node && at.node != "" }

	var c choice
	near := hinted(filter(all, ready), at)
	if c.cluster = addresses(near); len(near) == 0 {
		c.cluster = addresses(filter(all, draining))
	}
	onNode := filter(all, here)
	local := filter(onNode, ready)
	if len(local) == 0 {
		local = filter(onNode, draining)
	}
	c.local = addresses(local)
	for _, e := range onNode {
		if !slices.Contains(c.onNode, e.addr.Addr()) {
			c.onNode = append(c.onNode, e.addr.Addr())
		}
	}
	return c
}

// hinted keeps the endpoints meant for this node, or else for its zone. Hints
// count only where every endpoint has one and at least one is meant for us
// (KEP-2433, KEP-3015).
func hinted(ready []endpoint, at place) []endpoint {
	byNode := func(e endpoint) []string { return e.forNodes }
	if near, ok := meantFor(ready, at.node, byNode); ok {
		return near
	}
	byZone := func(e endpoint) []string { return e.forZones }
	if near, ok := meantFor(ready, at.zone, byZone); ok {
		return near
	}
	return ready
}

func meantFor(all []endpoint, me string, hints func(endpoint) []string) ([]endpoint, bool) {
	if me == "" || slices.ContainsFunc(all, func(e endpoint) bool { return len(hints(e)) == 0 }) {
		return nil, false
	}
	near := filter(all, func(e endpoint) bool { return slices.Contains(hints(e), me) })
	return near, len(near) > 0
}

func filter(all []endpoint, keep func(endpoint) bool) []endpoint {
	var kept []endpoint
	for _, e := range all {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func addresses(all []endpoint) []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, e := range all {
		addrs = append(addrs, e.addr)
	}
	return addrs
}

// slicesOf returns the Service's EndpointSlices but those that are labelled as
// headless: they are for cluster DNS alone, whatever the Service is by now.
func (p *Proxy) slicesOf(k client.Key) []*discoveryv1.EndpointSlice {
	headless := func(s *discoveryv1.EndpointSlice) bool {
		_, ok := s.Labels[corev1.IsHeadlessService]
		return ok
	}
	of := p.slices.Indexed(byService, k.String())
	if !slices.ContainsFunc(of, headless) {
		return of
	}
	return slices.DeleteFunc(slices.Clone(of), headless)
}

package dns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
)

// read collects the Service's endpoints that may be found: the ready ones, or
// all where it publishes addresses that are not ready.
func (z *zone) read(s *corev1.Service, k client.Key) *members {
	m := &members{byHost: map[string][]netip.Addr{}}
	at := map[netip.Addr]int{}
	for _, slice := range z.slices.Indexed(byService, k.String()) {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		ports := portsOf(slice)
		for _, e := range slice.Endpoints {
			if !s.Spec.PublishNotReadyAddresses && e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			for _, text := range e.Addresses {
				a, err := netip.ParseAddr(text)
				if err != nil {
					continue
				}
				m.add(at, member{host: hostOf(e, a), addr: a.Unmap(), ports: ports})
			}
		}
	}
	return m
}

// add keeps each address once; its ports may be told by several slices.
func (m *members) add(at map[netip.Addr]int, e member) {
	if i, known := at[e.addr]; known {
		merged := map[portKey]uint16{}
		for _, ports := range []map[portKey]uint16{m.all[i].ports, e.ports} {
			for k, v := range ports {
				merged[k] = v
			}
		}
		m.all[i].ports = merged
		return
	}
	at[e.addr] = len(m.all)
	m.all = append(m.all, e)
	m.byHost[e.host] = append(m.byHost[e.host], e.addr)
}

// hostOf is the endpoint's hostname, or its address as a label.
func hostOf(e discoveryv1.Endpoint, a netip.Addr) string {
	if e.Hostname != nil && *e.Hostname != "" {
		return strings.ToLower(*e.Hostname)
	}
	return dash(a)
}

func portsOf(s *discoveryv1.EndpointSlice) map[portKey]uint16 {
	ports := map[portKey]uint16{}
	for _, p := range s.Ports {
		key := portKey{protocol: corev1.ProtocolTCP}
		if p.Name != nil {
			key.name = *p.Name
		}
		if p.Protocol != nil {
			key.protocol = *p.Protocol
		}
		if p.Port != nil {
			ports[key] = uint16(*p.Port)
		}
	}
	return ports
}

// ports are those that any of them has, in order.
func (m *members) ports() []portKey {
	all := map[portKey]bool{}
	for _, e := range m.all {
		for p := range e.ports {
			all[p] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b portKey) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(string(a.protocol), string(b.protocol)))
	})
}

// targets are the endpoints that have the port.
func (m *members) targets(p portKey, base string) []target {
	var targets []target
	for _, e := range m.all {
		if number, ok := e.ports[p]; ok {
			targets = append(targets, target{e.host + "." + base, number, []netip.Addr{e.addr}, endpointTTL})
		}
	}
	return targets
}

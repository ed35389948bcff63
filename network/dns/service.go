package dns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"

	"minke/client"
)

// service answers below svc:
//
//	namespace                           nothing, but it exists
//	service.namespace                   A, AAAA, CNAME, SRV of every port
//	host.service.namespace              A, AAAA of one endpoint (headless)
//	_port._proto.service.namespace      SRV
func (z *zone) service(name string, labels []string, kind uint16) found {
	n := len(labels)
	switch {
	case n == 0:
		return noData
	case n == 1:
		if _, exists := z.namespaces.Get("", labels[0]); exists {
			return noData
		}
		return noName
	}
	s, exists := z.services.Get(labels[n-1], labels[n-2])
	if !exists {
		return noName
	}
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		if n > 2 {
			return noName
		}
		return z.external(name, s, kind)
	case n == 2:
		return z.whole(name, s, kind)
	case n == 3 && strings.HasPrefix(labels[0], "_"):
		return z.portProtocol(s, labels[0])
	case n == 3:
		return z.member(name, s, labels[0], kind)
	case n == 4 && strings.HasPrefix(labels[0], "_") && strings.HasPrefix(labels[1], "_"):
		return z.srv(name, s, labels[0][1:], labels[1][1:], kind)
	}
	return noName
}

func headless(s *corev1.Service) bool { return s.Spec.ClusterIP == corev1.ClusterIPNone }

// whole answers for the Service's own name.
func (z *zone) whole(name string, s *corev1.Service, kind uint16) found {
	if kind == dns.TypeSRV {
		return z.srv(name, s, "", "", kind)
	}
	var f found
	if !headless(s) {
		for _, ip := range clusterIPs(s) {
			if a, err := netip.ParseAddr(ip); err == nil && wants(kind, a) {
				f.answers = append(f.answers, address(name, a, serviceTTL))
			}
		}
		return f
	}
	m := z.membersOf(s)
	if len(m.all) == 0 {
		return noName // as if the name did not exist (specification, 2.4.1)
	}
	// Begin at any of them, to spread those who take the first.
	start := rand.IntN(len(m.all))
	for i := range m.all {
		if a := m.all[(start+i)%len(m.all)].addr; wants(kind, a) {
			f.answers = append(f.answers, address(name, a, endpointTTL))
		}
	}
	return f
}

// member answers for one endpoint, by its hostname or its address.
func (z *zone) member(name string, s *corev1.Service, host string, kind uint16) found {
	if !headless(s) {
		return noName
	}
	matching := z.membersOf(s).byHost[host]
	if len(matching) == 0 {
		return noName
	}
	var f found
	for _, a := range matching {
		if wants(kind, a) {
			f.answers = append(f.answers, address(name, a, endpointTTL))
		}
	}
	return f
}

// external answers with the name that the Service stands for, followed as far
// as the cluster knows it.
func (z *zone) external(name string, s *corev1.Service, kind uint16) found {
	target := strings.ToLower(dns.Fqdn(s.Spec.ExternalName))
	alias := &dns.CNAME{Hdr: head(name, dns.TypeCNAME, endpointTTL), Target: target}
	f := found{answers: []dns.RR{alias}}
	if kind == dns.TypeCNAME || kind == dns.TypeANY {
		return f
	}
	// An alias of an alias is not followed, so that none leads in a circle.
	if next, ours := z.known(target, kind); ours {
		f.answers = append(f.answers, next.answers...)
		return f
	}
	f.away = target
	return f
}

func (z *zone) known(target string, kind uint16) (found, bool) {
	labels := strings.Split(target, ".")
	if !strings.HasSuffix(target, ".svc."+z.domain) {
		return z.find(target, kind)
	}
	if len(labels) > 2 {
		if s, ok := z.services.Get(labels[1], labels[0]); ok && s.Spec.Type == corev1.ServiceTypeExternalName {
			return noData, true
		}
	}
	return z.find(target, kind)
}

// portProtocol answers _tcp.service.namespace, which exists only as a part of
// longer names.
func (z *zone) portProtocol(s *corev1.Service, label string) found {
	has := func(protocol corev1.Protocol) bool { return "_"+strings.ToLower(string(protocol)) == label }
	var exists bool
	if headless(s) {
		exists = slices.ContainsFunc(z.membersOf(s).ports(), func(p portKey) bool { return has(p.protocol) })
	} else {
		exists = slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return has(p.Protocol) })
	}
	if !exists {
		return noName
	}
	return noData
}

// srv answers for a named port, or without a name for all. The ports of a
// headless Service are those of its endpoints, whatever the Service says.
func (z *zone) srv(name string, s *corev1.Service, port, protocol string, kind uint16) found {
	base := s.Name + "." + s.Namespace + ".svc." + z.domain
	asked := func(name string, p corev1.Protocol) bool {
		return port == "" || name == port && strings.ToLower(string(p)) == protocol
	}
	var targets []target
	if headless(s) {
		m := z.membersOf(s)
		for _, p := range m.ports() {
			if asked(p.name, p.protocol) {
				targets = append(targets, m.targets(p, base)...)
			}
		}
	} else {
		for _, p := range s.Spec.Ports {
			if asked(p.Name, p.Protocol) {
				targets = append(targets, clusterTarget(s, p, base))
			}
		}
	}
	if len(targets) == 0 {
		return noName
	}
	if kind != dns.TypeSRV && kind != dns.TypeANY {
		return noData
	}
	return srvRecords(name, targets)
}

// target is what an SRV record points at.
type target struct {
	name  string
	port  uint16
	addrs []netip.Addr
	ttl   uint32
}

func clusterTarget(s *corev1.Service, p corev1.ServicePort, base string) target {
	t := target{name: base, port: uint16(p.Port), ttl: serviceTTL}
	for _, ip := range clusterIPs(s) {
		if a, err := netip.ParseAddr(ip); err == nil {
			t.addrs = append(t.addrs, a)
		}
	}
	return t
}

func srvRecords(name string, targets []target) found {
	var f found
	given := map[netip.Addr]string{}
	for _, t := range targets {
		weight := uint16(max(1, 100/len(targets)))
		f.answers = append(f.answers, &dns.SRV{Hdr: head(name, dns.TypeSRV, t.ttl), Weight: weight, Port: t.port, Target: t.name})
		for _, a := range t.addrs {
			if given[a] != t.name {
				given[a] = t.name
				f.extra = append(f.extra, address(t.name, a, t.ttl))
			}
		}
	}
	return f
}

// portKey is how a Service's port finds its number in a slice.
type portKey struct {
	name     string
	protocol corev1.Protocol
}

// members are the endpoints of a headless Service that have names now.
type members struct {
	all    []member
	byHost map[string][]netip.Addr
}

type member struct {
	host  string
	addr  netip.Addr
	ports map[portKey]uint16
}

func (z *zone) forget(k client.Key) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.headless, k)
}

func (z *zone) membersOf(s *corev1.Service) *members {
	k := client.KeyOf(s)
	z.mu.RLock()
	m := z.headless[k]
	z.mu.RUnlock()
	if m != nil {
		return m
	}
	// Read under the lock: a slice that changes meanwhile waits in forget and
	// then drops what is kept here.
	z.mu.Lock()
	defer z.mu.Unlock()
	m = z.read(s, k)
	z.headless[k] = m
	return m
}

package dns

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
)

// Times to live in seconds. A cluster IP stays for the life of its Service;
// endpoints come and go; what does not exist may any moment.
const (
	serviceTTL  = 30
	endpointTTL = 5
	negativeTTL = 5
)

// schemaVersion is the version of the specification that the zone follows.
const schemaVersion = "1.1.0"

// names of indexes.
const (
	byService   = "service"
	byAddress   = "address"
	byClusterIP = "clusterIP"
)

// zone knows the cluster's names.
type zone struct {
	domain     string // cluster.local.
	serial     uint32
	services   client.Informer[*corev1.Service]
	slices     client.Informer[*discoveryv1.EndpointSlice]
	namespaces client.Informer[*corev1.Namespace]

	mu sync.RWMutex // guards headless
	// headless keeps what was read of a Service's slices until one changes.
	headless map[client.Key]*members
}

// found is what the zone says of a name.
type found struct {
	code    int
	answers []dns.RR
	extra   []dns.RR
	// away is the name outside the cluster that an external name leads to.
	away string
	// apex is the zone whose SOA says that there is no answer; empty means
	// the cluster's domain.
	apex string
}

var (
	noName = found{code: dns.RcodeNameError}
	noData = found{}
)

func newZone(domain string, informers *client.Informers) *zone {
	z := &zone{
		domain: domain, serial: uint32(time.Now().Unix()), headless: map[client.Key]*members{},
		services:   client.InformerOf(informers, client.Services),
		slices:     client.InformerOf(informers, client.EndpointSlices),
		namespaces: client.InformerOf(informers, client.Namespaces),
	}
	z.services.AddIndex(byClusterIP, clusterIPs)
	z.slices.AddIndex(byService, func(s *discoveryv1.EndpointSlice) []string { return []string{serviceOf(s).String()} })
	z.slices.AddIndex(byAddress, addressesOf)
	forget := func(s *discoveryv1.EndpointSlice) { z.forget(serviceOf(s)) }
	z.slices.Handle(client.Handler[*discoveryv1.EndpointSlice]{Add: forget, Delete: forget,
		Update: func(old, s *discoveryv1.EndpointSlice) { forget(old); forget(s) }})
	z.services.Handle(client.Handler[*corev1.Service]{
		Update: func(_, s *corev1.Service) { z.forget(client.KeyOf(s)) }, Delete: func(s *corev1.Service) { z.forget(client.KeyOf(s)) }})
	return z
}

func serviceOf(s *discoveryv1.EndpointSlice) client.Key {
	return client.Key{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
}

func addressesOf(s *discoveryv1.EndpointSlice) []string {
	if _, headless := s.Labels[corev1.IsHeadlessService]; !headless {
		return nil // only endpoints of headless Services have names
	}
	var all []string
	for _, e := range s.Endpoints {
		all = append(all, e.Addresses...)
	}
	return all
}

func clusterIPs(s *corev1.Service) []string {
	if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == corev1.ClusterIPNone {
		return nil
	}
	if len(s.Spec.ClusterIPs) == 0 {
		return []string{s.Spec.ClusterIP}
	}
	return s.Spec.ClusterIPs
}

func (z *zone) wait(ctx context.Context) error {
	for _, synced := range []<-chan struct{}{z.services.Synced(), z.slices.Synced(), z.namespaces.Synced()} {
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// find answers for a name in lower case; not ours means that upstream may know.
func (z *zone) find(name string, kind uint16) (found, bool) {
	if strings.HasSuffix(name, ".arpa.") {
		return z.reverse(name, kind)
	}
	path, ours := strings.CutSuffix(name, z.domain)
	if !ours || path != "" && !strings.HasSuffix(path, ".") {
		return found{}, false
	}
	if path == "" {
		return z.top(name, kind), true
	}
	labels := strings.Split(strings.TrimSuffix(path, "."), ".")
	last := len(labels) - 1
	switch {
	case labels[last] == "svc":
		return z.service(name, labels[:last], kind), true
	case labels[last] == "pod":
		return z.pod(name, labels[:last], kind), true
	case len(labels) == 1 && labels[0] == "dns-version":
		if kind == dns.TypeTXT || kind == dns.TypeANY {
			return found{answers: []dns.RR{&dns.TXT{Hdr: head(name, dns.TypeTXT, serviceTTL), Txt: []string{schemaVersion}}}}, true
		}
		return noData, true
	}
	return noName, true
}

// top is the domain itself.
func (z *zone) top(name string, kind uint16) found {
	switch kind {
	case dns.TypeSOA:
		return found{answers: []dns.RR{z.soa("")}}
	case dns.TypeNS:
		return found{answers: []dns.RR{&dns.NS{Hdr: head(name, dns.TypeNS, serviceTTL), Ns: "kube-dns.kube-system.svc." + z.domain}}}
	}
	return noData
}

// soa tells how long clients may remember that there is no answer (RFC 2308).
func (z *zone) soa(apex string) dns.RR {
	if apex == "" {
		apex = z.domain
	}
	return &dns.SOA{Hdr: head(apex, dns.TypeSOA, negativeTTL), Ns: "ns.dns." + z.domain, Mbox: "hostmaster." + z.domain,
		Serial: z.serial, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: negativeTTL}
}

func head(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// address is the A or AAAA record for a.
func address(name string, a netip.Addr, ttl uint32) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: head(name, dns.TypeA, ttl), A: a.AsSlice()}
	}
	return &dns.AAAA{Hdr: head(name, dns.TypeAAAA, ttl), AAAA: a.AsSlice()}
}

// wants tells whether a question of the kind asks for a's record.
func wants(kind uint16, a netip.Addr) bool {
	return kind == dns.TypeANY || kind == dns.TypeA && a.Is4() || kind == dns.TypeAAAA && a.Is6()
}

// pod answers a-b-c-d.namespace.pod with the address in the name.
func (z *zone) pod(name string, labels []string, kind uint16) found {
	if len(labels) == 0 {
		return noData
	}
	namespace := labels[len(labels)-1]
	if _, exists := z.namespaces.Get("", namespace); !exists || len(labels) > 2 {
		return noName
	}
	if len(labels) == 1 {
		return noData
	}
	a, ok := undash(labels[0])
	if !ok {
		return noName
	}
	if !wants(kind, a) {
		return noData
	}
	return found{answers: []dns.RR{address(name, a, endpointTTL)}}
}

// undash reads 10-0-0-1 or fd00--1.
func undash(label string) (netip.Addr, bool) {
	if strings.Count(label, "-") == 3 && !strings.Contains(label, "--") {
		if a, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ".")); err == nil {
			return a, true
		}
	}
	a, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":"))
	return a, err == nil
}

// dash writes an address as a label.
func dash(a netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(a.String())
}

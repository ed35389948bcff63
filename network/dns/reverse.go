package dns

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// reverse answers PTR questions for cluster IPs and for endpoints of headless
// Services; upstream may know other addresses.
func (z *zone) reverse(name string, kind uint16) (found, bool) {
	a, ok := fromArpa(name)
	if !ok {
		return found{}, false
	}
	var names []string
	for _, s := range z.services.Indexed(byClusterIP, a.String()) {
		names = append(names, s.Name+"."+s.Namespace+".svc."+z.domain)
	}
	if len(names) == 0 {
		names = z.endpointNames(a)
	}
	if len(names) == 0 {
		return found{}, false
	}
	f := found{apex: name}
	if kind == dns.TypePTR || kind == dns.TypeANY {
		for _, n := range names {
			f.answers = append(f.answers, &dns.PTR{Hdr: head(name, dns.TypePTR, endpointTTL), Ptr: n})
		}
	}
	return f, true
}

func (z *zone) endpointNames(a netip.Addr) []string {
	var names []string
	for _, slice := range z.slices.Indexed(byAddress, a.String()) {
		k := serviceOf(slice)
		s, ok := z.services.Get(k.Namespace, k.Name)
		if !ok || s.Spec.ClusterIP != corev1.ClusterIPNone {
			continue
		}
		for _, m := range z.membersOf(s).all {
			if m.addr == a {
				names = append(names, m.host+"."+k.Name+"."+k.Namespace+".svc."+z.domain)
			}
		}
	}
	return names
}

// fromArpa reads the address of a name below in-addr.arpa (RFC 1035) or
// ip6.arpa (RFC 3596).
func fromArpa(name string) (netip.Addr, bool) {
	if text, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		p := strings.Split(text, ".")
		if len(p) != 4 {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(p[3] + "." + p[2] + "." + p[1] + "." + p[0])
		return a, err == nil
	}
	text, ok := strings.CutSuffix(name, ".ip6.arpa.")
	if !ok || len(text) != 63 {
		return netip.Addr{}, false
	}
	var b strings.Builder
	for i := 62; i >= 0; i -= 2 {
		b.WriteByte(text[i])
		if i%8 == 0 && i > 0 {
			b.WriteByte(':')
		}
	}
	a, err := netip.ParseAddr(b.String())
	return a, err == nil
}

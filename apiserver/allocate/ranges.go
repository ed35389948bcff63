package allocate

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultCIDR is the ServiceCIDR that stands for the server's own flags.
const defaultCIDR = "kubernetes"

// seenCIDR takes notice of a ServiceCIDR. a.mu is held.
func (a *Allocator) seenCIDR(c *networkingv1.ServiceCIDR, gone bool) {
	if gone {
		delete(a.cidrs, c.Name)
	} else {
		a.cidrs[c.Name] = c
	}
	a.setRanges()
}

// setRanges makes a.ranges what the ServiceCIDRs say, the default one first, and
// else the configured ones: before there is a default ServiceCIDR, and when it was
// deleted, the flags still hold (KEP-1880). A range keeps what is known of it.
func (a *Allocator) setRanges() {
	var next []*addresses
	add := func(prefix netip.Prefix, ready bool) {
		prefix = prefix.Masked()
		same := func(r *addresses) bool { return r.prefix == prefix }
		if i := slices.IndexFunc(next, same); i >= 0 {
			next[i].ready = next[i].ready || ready
			return
		}
		r := (*addresses)(nil)
		if i := slices.IndexFunc(a.ranges, same); i >= 0 {
			r = a.ranges[i]
		} else {
			r = newAddresses(prefix)
			a.markAll(r)
		}
		r.ready = ready
		next = append(next, r)
	}
	if a.cidrs[defaultCIDR] == nil {
		for _, prefix := range a.configured {
			add(prefix, true)
		}
	}
	for _, c := range a.sortedCIDRs() {
		for _, text := range c.Spec.CIDRs {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				add(prefix, isReady(c))
			}
		}
	}
	a.ranges = next
}

func (a *Allocator) sortedCIDRs() []*networkingv1.ServiceCIDR {
	var all []*networkingv1.ServiceCIDR
	for _, c := range a.cidrs {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y *networkingv1.ServiceCIDR) int {
		switch {
		case x.Name == defaultCIDR:
			return -1
		case y.Name == defaultCIDR:
			return 1
		}
		return strings.Compare(x.Name, y.Name)
	})
	return all
}

// isReady tells whether addresses may be taken. One without the condition is
// ready: nobody may be there to say so.
func isReady(c *networkingv1.ServiceCIDR) bool {
	if c.DeletionTimestamp != nil {
		return false
	}
	for _, condition := range c.Status.Conditions {
		if condition.Type == networkingv1.ServiceCIDRConditionReady {
			return condition.Status == metav1.ConditionTrue
		}
	}
	return true
}

// markAll marks in a new range what is in use.
func (a *Allocator) markAll(r *addresses) {
	for i := range a.holders {
		if i.port == 0 {
			r.mark(i.ip)
		}
	}
	for ip := range a.named {
		r.mark(ip)
	}
}

// allowed tells why a service cannot have the address, whoever has it now.
func (a *Allocator) allowed(ip netip.Addr) error {
	if !slices.ContainsFunc(a.ranges, func(r *addresses) bool { return r.ready && r.covers(ip) }) {
		return errNoRange
	}
	return nil
}

// mark notes in every range that the address is in use: ranges may overlap.
func (a *Allocator) mark(ip netip.Addr) {
	for _, r := range a.ranges {
		r.mark(ip)
	}
}

// unmark is the inverse, once neither a service nor an IPAddress has it.
func (a *Allocator) unmark(ip netip.Addr) {
	if a.holders[item{ip: ip}] != nil || a.named[ip] {
		return
	}
	for _, r := range a.ranges {
		r.release(ip)
	}
}

// any returns a free address of the first ready range that has one.
func (a *Allocator) any(family corev1.IPFamily) (netip.Addr, error) {
	for _, r := range a.ranges {
		if r.ready && r.family() == family {
			if ip, err := r.any(); err == nil {
				return ip, nil
			}
		}
	}
	return netip.Addr{}, errFull
}

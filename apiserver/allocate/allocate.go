// Package allocate gives services their cluster IPs, node ports and health
// check ports, as an admission plug-in. Addresses come from the ServiceCIDRs that
// are ready (KEP-1880). What is in use is known in memory from the stored services
// and IPAddresses, which are followed by events. A service and its IPAddresses are
// written in one transaction, so that none is ever without the other.
//
// An item is free, pending or stored:
//
//	free --Admit--> pending --the service is stored--> stored --it is gone--> free
//	                   \--the request ended without storing it-----------------^
package allocate

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/admission"
)

// Source reads and follows stored objects, which are shared and never changed.
type Source interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
}

// Config says what there is to give.
type Config struct {
	// Ranges are those of cluster IPs while there is no default ServiceCIDR, at
	// most one for each family. The first family is the primary one.
	Ranges []netip.Prefix
	// Objects tells that ServiceCIDRs and IPAddresses are served.
	Objects bool
	// FirstPort and Ports are the range of node ports; zero for 30000–32767.
	FirstPort, Ports int32
	Source           Source
	// Shared, if any, is where several servers agree on node ports.
	Shared *Shared
}

// Allocator is the admission plug-in.
type Allocator struct {
	source     Source
	shared     *Shared
	configured []netip.Prefix
	families   []corev1.IPFamily
	objects    bool
	// mu guards all below.
	mu     sync.Mutex
	loaded bool
	cidrs  map[string]*networkingv1.ServiceCIDR
	// ranges may overlap; an address in use is marked in each.
	ranges []*addresses
	ports  *ports
	// holders has every item that a service has or is about to have; stored the
	// items of each service as last seen; named the addresses of IPAddresses.
	holders map[item]*holder
	stored  map[types.UID][]item
	named   map[netip.Addr]bool
}

var _ admission.Mutator = (*Allocator)(nil)

// item is an address, or a port when there is no address.
type item struct {
	ip   netip.Addr
	port int32
}

func (i item) String() string {
	if i.port != 0 {
		return strconv.Itoa(int(i.port))
	}
	return i.ip.String()
}

// holder is who has an item.
type holder struct {
	uid     types.UID
	service types.NamespacedName
	// pending counts the requests that are about to store it.
	pending int
	stored  bool
}

var (
	services     = corev1.SchemeGroupVersion.WithResource("services")
	serviceCIDRs = networkingv1.SchemeGroupVersion.WithResource("servicecidrs")
	ipAddresses  = networkingv1.SchemeGroupVersion.WithResource("ipaddresses")
)

// New returns an allocator. It knows the stored services from its first use on,
// and keeps up with them while Run runs.
func New(c Config) (*Allocator, error) {
	if c.FirstPort == 0 {
		c.FirstPort, c.Ports = 30000, 2768
	}
	a := &Allocator{source: c.Source, shared: c.Shared, objects: c.Objects, configured: c.Ranges, ports: newPorts(c.FirstPort, c.Ports),
		cidrs: map[string]*networkingv1.ServiceCIDR{}, holders: map[item]*holder{}, stored: map[types.UID][]item{}, named: map[netip.Addr]bool{}}
	for _, prefix := range c.Ranges {
		family := familyOf(prefix.Addr())
		if slices.Contains(a.families, family) {
			return nil, fmt.Errorf("allocate from %s: there is another range of that family", prefix)
		}
		a.families = append(a.families, family)
	}
	if len(a.families) == 0 {
		return nil, fmt.Errorf("allocate cluster IPs: no range is given")
	}
	a.setRanges()
	return a, nil
}

// take gives an item to a service, or says why not. a.mu is held.
func (a *Allocator) take(ctx context.Context, i item, uid types.UID, service types.NamespacedName) error {
	h := a.holders[i]
	if h == nil {
		return a.takeFree(ctx, i, &holder{uid: uid, service: service, pending: 1})
	}
	switch {
	case h.uid == uid:
	case i.port == 0 && a.isNamed(ctx, i.ip):
		return errTaken
	case h.service == service && !h.stored, a.gone(ctx, i, h):
		// An earlier attempt at the same service, or one whose deletion is not
		// yet known here.
		*h = holder{uid: uid, service: service}
	case i.port != 0:
		return errPortTaken
	default:
		return errTaken
	}
	h.pending++
	return nil
}

// takeFree gives away an item that no service has. a.mu is held.
func (a *Allocator) takeFree(ctx context.Context, i item, h *holder) error {
	if i.port != 0 {
		if err := a.ports.take(i.port); err != nil {
			return err
		}
		a.holders[i] = h
		return nil
	}
	if err := a.allowed(i.ip); err != nil {
		return err
	}
	if a.isNamed(ctx, i.ip) {
		return errTaken
	}
	a.holders[i] = h
	a.mark(i.ip)
	return nil
}

// gone tells whether the store knows better than the index: the holder's
// service is not there any more, or has given the item up.
func (a *Allocator) gone(ctx context.Context, i item, h *holder) bool {
	return h.pending == 0 && !a.has(ctx, i, h)
}

// has asks the store whether the holder's service has the item.
func (a *Allocator) has(ctx context.Context, i item, h *holder) bool {
	obj, err := a.source.Get(ctx, services, h.service.Namespace, h.service.Name)
	if err != nil {
		return false
	}
	service, ok := obj.(*corev1.Service)
	if !ok || service.UID != h.uid {
		return false
	}
	return slices.Contains(itemsOf(service), i)
}

// free gives an item back when nobody has it any more. a.mu is held.
func (a *Allocator) free(i item) {
	h := a.holders[i]
	if h == nil || h.pending > 0 || h.stored {
		return
	}
	delete(a.holders, i)
	if i.port != 0 {
		a.ports.release(i.port)
		return
	}
	a.unmark(i.ip)
}

// grace is how long an item stays with a request that ended without storing its
// service: its write may still be on the way.
const grace = 3 * time.Second

// settle finds out, when the request has ended, whether the service that was
// given items was stored.
func (a *Allocator) settle(ctx context.Context, uid types.UID, items []item) {
	if len(items) == 0 {
		return
	}
	end := func(last bool) (open bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, i := range items {
			h := a.holders[i]
			if h == nil || h.uid != uid {
				continue
			}
			if !h.stored && a.has(context.Background(), i, h) {
				h.stored = true
				a.stored[uid] = append(a.stored[uid], i)
			}
			open = open || !h.stored
			if last {
				h.pending--
				a.free(i)
			}
		}
		return open
	}
	context.AfterFunc(ctx, func() {
		if end(false) {
			time.AfterFunc(grace, func() { end(true) })
			return
		}
		end(true)
	})
}

func itemsOf(s *corev1.Service) []item {
	var out []item
	for _, ip := range addressesOf(s) {
		out = append(out, item{ip: ip})
	}
	for _, port := range portsOf(s) {
		out = append(out, item{port: port})
	}
	return out
}

package allocate

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
)

// managedBy is the value of the label by which the IPAddresses of services are
// told from those of others.
const managedBy = "ipallocator.k8s.io"

var _ admission.Keeper = (*Allocator)(nil)

// Keeps implements admission.Keeper.
func (a *Allocator) Keeps(obj api.Object) bool {
	_, is := obj.(*corev1.Service)
	return is
}

// Beside implements admission.Keeper: each cluster IP has an IPAddress, which comes
// with its service and goes with it, in one transaction.
func (a *Allocator) Beside(obj, old api.Object) (all []admission.Beside) {
	service, _ := obj.(*corev1.Service)
	before, _ := old.(*corev1.Service)
	if !a.objects || service == nil && before == nil {
		return nil
	}
	has, had := addressesOf(service), addressesOf(before)
	for _, ip := range has {
		if !slices.Contains(had, ip) {
			all = append(all, admission.Beside{Resource: ipAddresses, Create: newIPAddress(ip, service)})
		}
	}
	for _, ip := range had {
		if !slices.Contains(has, ip) {
			all = append(all, admission.Beside{Resource: ipAddresses, Name: ip.String(), Is: func(stored api.Object) bool {
				return isFor(stored, before)
			}})
		}
	}
	return all
}

func newIPAddress(ip netip.Addr, service *corev1.Service) *networkingv1.IPAddress {
	return &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip.String(), Labels: map[string]string{
			networkingv1.LabelIPAddressFamily: string(familyOf(ip)),
			networkingv1.LabelManagedBy:       managedBy,
		}},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{
			Resource: "services", Namespace: service.Namespace, Name: service.Name,
		}},
	}
}

func isFor(stored api.Object, service *corev1.Service) bool {
	address, ok := stored.(*networkingv1.IPAddress)
	if !ok || address.Spec.ParentRef == nil {
		return false
	}
	ref := *address.Spec.ParentRef
	return ref == networkingv1.ParentReference{Resource: "services", Namespace: service.Namespace, Name: service.Name}
}

// seenAddress takes notice of an IPAddress, whoever it is for. a.mu is held.
func (a *Allocator) seenAddress(address *networkingv1.IPAddress, gone bool) {
	ip, err := netip.ParseAddr(address.Name)
	if err != nil {
		return // validation lets none such in
	}
	if gone {
		delete(a.named, ip)
		a.unmark(ip)
		return
	}
	a.named[ip] = true
	a.mark(ip)
}

// isNamed tells whether there is an IPAddress. The store is asked about one that
// is known of: its deletion may not have been seen here yet. One that is not known
// of yet makes the service's transaction fail.
func (a *Allocator) isNamed(ctx context.Context, ip netip.Addr) bool {
	if !a.named[ip] {
		return false
	}
	_, err := a.source.Get(ctx, ipAddresses, "", ip.String())
	return err == nil
}

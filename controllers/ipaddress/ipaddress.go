// Package ipaddress repairs what Services and IPAddresses say of each other
// (KEP-1880). The API server writes both in one transaction, so that there is
// something to do only after somebody else's doing: an upgrade from when there were
// no IPAddresses, a restored backup, a person.
package ipaddress

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
)

const (
	component = "ipallocator-repair-controller"
	managedBy = "ipallocator.k8s.io"
)

// Controller makes missing IPAddresses and deletes those that are left over.
type Controller struct {
	services  client.Resource[*corev1.Service]
	addresses client.Resource[*networkingv1.IPAddress]
	// The views say where to look; what is done is decided by the server's state.
	serviceView client.Informer[*corev1.Service]
	addressView client.Informer[*networkingv1.IPAddress]
	cidrView    client.Informer[*networkingv1.ServiceCIDR]
	events      *events.Recorder
	byService   *reconcile.Loop
	byAddress   *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		services: client.Of(api, client.Services), addresses: client.Of(api, client.IPAddresses),
		serviceView: client.InformerOf(informers, client.Services),
		addressView: client.InformerOf(informers, client.IPAddresses),
		cidrView:    client.InformerOf(informers, client.ServiceCIDRs),
		events:      events.NewRecorder(api, component, ""),
	}
	c.byService = reconcile.New(component, reconcile.Options{}, c.syncService)
	c.byAddress = reconcile.New(component, reconcile.Options{}, c.syncAddress)
	look := func(s *corev1.Service) { c.byService.Add(client.KeyOf(s)) }
	c.serviceView.Handle(client.Handler[*corev1.Service]{Add: look, Delete: c.lookAtAddresses, Update: func(old, s *corev1.Service) {
		if !slices.Equal(old.Spec.ClusterIPs, s.Spec.ClusterIPs) {
			look(s)
			c.lookAtAddresses(old)
		}
	}})
	named := func(a *networkingv1.IPAddress) { c.byAddress.Add(client.KeyOf(a)) }
	c.addressView.Handle(client.Handler[*networkingv1.IPAddress]{Add: named, Delete: c.lookAtParent, Update: func(_, a *networkingv1.IPAddress) {
		named(a)
		c.lookAtParent(a)
	}})
	c.cidrView.Handle(client.Handler[*networkingv1.ServiceCIDR]{Add: func(*networkingv1.ServiceCIDR) {
		for _, s := range c.serviceView.List("", labels.Everything()) {
			look(s)
		}
	}})
	return c
}

func (c *Controller) lookAtAddresses(s *corev1.Service) {
	for _, ip := range s.Spec.ClusterIPs {
		c.byAddress.Add(client.Key{Name: ip})
	}
}

func (c *Controller) lookAtParent(a *networkingv1.IPAddress) {
	if ofService(a) {
		c.byService.Add(client.Key{Namespace: a.Spec.ParentRef.Namespace, Name: a.Spec.ParentRef.Name})
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.serviceView.Synced(), c.addressView.Synced(), c.cidrView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	var running sync.WaitGroup
	running.Go(func() { c.events.Run(ctx) })
	running.Go(func() { c.byService.Run(ctx, 1) })
	running.Go(func() { c.byAddress.Run(ctx, 1) })
	running.Wait()
	return nil
}

// ofService tells whether the IPAddress says that it is of some Service.
func ofService(a *networkingv1.IPAddress) bool {
	ref := a.Spec.ParentRef
	return ref != nil && ref.Group == "" && ref.Resource == "services"
}

func ofThis(a *networkingv1.IPAddress, s *corev1.Service) bool {
	return ofService(a) && a.Spec.ParentRef.Namespace == s.Namespace && a.Spec.ParentRef.Name == s.Name
}

func familyOf(ip netip.Addr) corev1.IPFamily {
	if ip.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

func labelsOf(ip netip.Addr) map[string]string {
	return map[string]string{networkingv1.LabelIPAddressFamily: string(familyOf(ip)), networkingv1.LabelManagedBy: managedBy}
}

func labelled(a *networkingv1.IPAddress, ip netip.Addr) bool {
	for key, value := range labelsOf(ip) {
		if a.Labels[key] != value {
			return false
		}
	}
	return true
}

func newIPAddress(ip netip.Addr, s *corev1.Service) *networkingv1.IPAddress {
	return &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip.String(), Labels: labelsOf(ip)},
		Spec:       networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: s.Namespace, Name: s.Name}},
	}
}

// inRange tells whether a ServiceCIDR covers the address. Without the default one
// it is the API server's flags that hold, which nobody knows here.
func (c *Controller) inRange(ip netip.Addr) bool {
	if _, ok := c.cidrView.Get("", "kubernetes"); !ok {
		return true
	}
	return slices.ContainsFunc(c.cidrView.List("", labels.Everything()), func(s *networkingv1.ServiceCIDR) bool {
		return slices.ContainsFunc(s.Spec.CIDRs, func(text string) bool {
			prefix, err := netip.ParsePrefix(text)
			return err == nil && prefix.Contains(ip)
		})
	})
}

// delete removes exactly this IPAddress.
func (c *Controller) delete(ctx context.Context, a *networkingv1.IPAddress) error {
	err := c.addresses.Delete(ctx, "", a.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(a.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

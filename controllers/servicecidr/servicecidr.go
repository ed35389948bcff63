// Package servicecidr says of each ServiceCIDR that it is ready, and holds one
// that is deleted for as long as there are IPAddresses of it that no other
// covers (KEP-1880).
package servicecidr

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "service-cidr-controller"
	finalizer = "networking.k8s.io/service-cidr-finalizer"
)

// Controller looks after ServiceCIDRs.
type Controller struct {
	cidrs client.Resource[*networkingv1.ServiceCIDR]
	view  client.Informer[*networkingv1.ServiceCIDR]
	// addresses are those of Services, and what others have asked for.
	addresses client.Informer[*networkingv1.IPAddress]
	loop      *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		cidrs:     client.Of(api, client.ServiceCIDRs),
		view:      client.InformerOf(informers, client.ServiceCIDRs),
		addresses: client.InformerOf(informers, client.IPAddresses),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	look := func(*networkingv1.ServiceCIDR) { c.addAll() }
	c.view.Handle(client.Handler[*networkingv1.ServiceCIDR]{Add: look, Delete: look, Update: func(_, s *networkingv1.ServiceCIDR) { look(s) }})
	c.addresses.Handle(client.Handler[*networkingv1.IPAddress]{Delete: func(*networkingv1.IPAddress) { c.addEnding() }})
	return c
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.addresses.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

// addAll looks at all of them again: whether one may go depends on the others.
func (c *Controller) addAll() {
	for _, s := range c.view.List("", labels.Everything()) {
		c.loop.Add(client.KeyOf(s))
	}
}

// addEnding looks again at those that wait for addresses.
func (c *Controller) addEnding() {
	for _, s := range c.view.List("", labels.Everything()) {
		if s.DeletionTimestamp != nil {
			c.loop.Add(client.KeyOf(s))
		}
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	stored, ok := c.view.Get("", key.Name)
	if !ok {
		return nil
	}
	has := slices.Contains(stored.Finalizers, finalizer)
	ready := metav1.Condition{Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue, Message: "Kubernetes Service CIDR is ready"}
	switch {
	case stored.DeletionTimestamp == nil && !has:
		next := stored.DeepCopy()
		next.Finalizers = append(next.Finalizers, finalizer)
		_, err := c.cidrs.Update(ctx, next)
		return ignoreGone(err) // the event brings us back
	case stored.DeletionTimestamp != nil && !has:
		return nil
	case stored.DeletionTimestamp != nil && !inUse(stored, c.view.List("", labels.Everything()), c.addresses.List("", labels.Everything())):
		next := stored.DeepCopy()
		next.Finalizers = slices.DeleteFunc(next.Finalizers, func(f string) bool { return f == finalizer })
		_, err := c.cidrs.Update(ctx, next)
		return ignoreGone(err)
	case stored.DeletionTimestamp != nil:
		ready.Status, ready.Reason = metav1.ConditionFalse, networkingv1.ServiceCIDRReasonTerminating
		ready.Message = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
	}
	next := stored.DeepCopy()
	if !meta.SetStatusCondition(&next.Status.Conditions, ready) {
		return nil
	}
	_, err := c.cidrs.UpdateStatus(ctx, next)
	return ignoreGone(err)
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// inUse tells whether there is an address of going that none of the others covers.
func inUse(going *networkingv1.ServiceCIDR, all []*networkingv1.ServiceCIDR, addresses []*networkingv1.IPAddress) bool {
	ranges := prefixes(going)
	var others []netip.Prefix
	for _, s := range all {
		if s.Name != going.Name && s.DeletionTimestamp == nil {
			others = append(others, prefixes(s)...)
		}
	}
	return slices.ContainsFunc(addresses, func(a *networkingv1.IPAddress) bool {
		ip, err := netip.ParseAddr(a.Name)
		return err == nil && covered(ranges, ip) && !covered(others, ip)
	})
}

func prefixes(s *networkingv1.ServiceCIDR) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range s.Spec.CIDRs {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func covered(ranges []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) })
}

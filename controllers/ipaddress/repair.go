package ipaddress

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
)

// syncService sees to it that each cluster IP of a Service has its IPAddress.
func (c *Controller) syncService(ctx context.Context, key client.Key) error {
	view, ok := c.serviceView.Get(key.Namespace, key.Name)
	if !ok || !slices.ContainsFunc(view.Spec.ClusterIPs, func(text string) bool { return c.suspicious(view, text) }) {
		return nil
	}
	s, err := c.services.Get(ctx, key.Namespace, key.Name)
	if err != nil {
		return ignoreGone(err)
	}
	var failed []error
	for _, text := range s.Spec.ClusterIPs {
		if c.suspicious(s, text) {
			failed = append(failed, c.repair(ctx, s, text))
		}
	}
	return errors.Join(failed...)
}

// suspicious tells, by what is seen here, that an address wants a closer look.
func (c *Controller) suspicious(s *corev1.Service, text string) bool {
	if text == corev1.ClusterIPNone {
		return false
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return true
	}
	a, ok := c.addressView.Get("", ip.String())
	return !ok || !ofThis(a, s) || !labelled(a, ip) || !c.inRange(ip)
}

// repair decides, by the server's state, about one cluster IP:
//
//	no address, or of no range ─► nothing, but say so
//	no IPAddress ─► made
//	IPAddress of another Service that has the address, too ─► say so
//	IPAddress of somebody else, or without its labels ─► made anew
func (c *Controller) repair(ctx context.Context, s *corev1.Service, text string) error {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		c.warn(s, "ClusterIPNotValid", "Cluster IP %s is not a valid IP; please recreate Service", text)
		return nil
	}
	family := familyOf(ip)
	if !c.inRange(ip) {
		c.warn(s, "ClusterIPOutOfRange", "Cluster IP [%v]: %s is not within any configured Service CIDR; please recreate service", family, ip)
		return nil
	}
	a, err := c.addresses.Get(ctx, "", ip.String())
	switch {
	case apierrors.IsNotFound(err):
		c.warn(s, "ClusterIPNotAllocated", "Cluster IP [%v]: %s is not allocated; repairing", family, ip)
		return c.create(ctx, ip, s)
	case err != nil:
		return fmt.Errorf("look at IPAddress %s: %w", ip, err)
	case ofThis(a, s) && labelled(a, ip):
		return nil // the view was behind
	case ofService(a) && !ofThis(a, s):
		other, err := c.services.Get(ctx, a.Spec.ParentRef.Namespace, a.Spec.ParentRef.Name)
		if err == nil && slices.Contains(other.Spec.ClusterIPs, a.Name) {
			c.warn(s, "ClusterIPAlreadyAllocated", "Cluster IP [%v]:%s was assigned to multiple services; please recreate service", family, ip)
			return nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("look at the service of IPAddress %s: %w", ip, err)
		}
	}
	if !ofThis(a, s) {
		c.warn(s, "ClusterIPNotAllocated", "the ClusterIP [%v]: %s for Service %s/%s has a wrong reference; repairing", family, ip, s.Namespace, s.Name)
	}
	if err := c.delete(ctx, a); err != nil {
		return err
	}
	return c.create(ctx, ip, s)
}

func (c *Controller) create(ctx context.Context, ip netip.Addr, s *corev1.Service) error {
	_, err := c.addresses.Create(ctx, newIPAddress(ip, s))
	if apierrors.IsAlreadyExists(err) {
		return nil // its event brings us back
	}
	return err
}

// syncAddress deletes an IPAddress of ours that no Service has.
func (c *Controller) syncAddress(ctx context.Context, key client.Key) error {
	view, ok := c.addressView.Get("", key.Name)
	if !ok || view.Labels[networkingv1.LabelManagedBy] != managedBy || view.DeletionTimestamp != nil {
		return nil
	}
	ref := view.Spec.ParentRef
	if !ofService(view) {
		c.warn(view, "IPAddressNotAllocated", "IPAddress %s appears to have been modified, not referencing a Service %v: cleaning up", view.Name, ref)
		return c.delete(ctx, view)
	}
	if s, ok := c.serviceView.Get(ref.Namespace, ref.Name); ok && slices.Contains(s.Spec.ClusterIPs, view.Name) {
		return nil
	}
	// Both come and go at once, but are not seen at once here.
	a, err := c.addresses.Get(ctx, "", key.Name)
	if err != nil || a.UID != view.UID {
		return ignoreGone(err)
	}
	s, err := c.services.Get(ctx, ref.Namespace, ref.Name)
	switch {
	case apierrors.IsNotFound(err):
		c.warn(a, "IPAddressNotAllocated", "IPAddress: %s for Service %s/%s appears to have leaked: cleaning up", a.Name, ref.Namespace, ref.Name)
	case err != nil:
		return fmt.Errorf("look at the service of IPAddress %s: %w", a.Name, err)
	case slices.Contains(s.Spec.ClusterIPs, a.Name):
		return nil
	default:
		c.warn(a, "IPAddressWrongReference", "IPAddress: %s for Service %s/%s has a wrong reference; cleaning up", a.Name, s.Namespace, s.Name)
	}
	return c.delete(ctx, a)
}

func (c *Controller) warn(obj client.Object, reason, format string, args ...any) {
	c.events.Event(obj, corev1.EventTypeWarning, reason, format, args...)
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

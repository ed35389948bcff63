package allocate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
	"minke/apiserver/admission"
)

func metaOf(uid types.UID) metav1.ObjectMeta { return metav1.ObjectMeta{UID: uid} }

// grant is what one request takes.
type grant struct {
	*Allocator
	ctx          context.Context
	service, old *corev1.Service
	uid          types.UID
	name         types.NamespacedName
	taken        []item
	// book is nil when no other server gives away node ports.
	book *book
}

// Admit implements admission.Mutator.
func (a *Allocator) Admit(ctx context.Context, at *admission.Attributes) error {
	service, ok := at.Object.(*corev1.Service)
	if !ok || at.Subresource != "" || at.Operation != admission.Create && at.Operation != admission.Update {
		return nil
	}
	old, _ := at.Old.(*corev1.Service)
	g := &grant{Allocator: a, ctx: ctx, service: service, old: old, uid: service.UID,
		name: types.NamespacedName{Namespace: at.Namespace, Name: at.Name}}
	if old != nil {
		g.uid = old.UID
	}
	core.CompleteService(service, old)
	var err error
	if g.book, err = a.bookFor(ctx, service, old); err != nil {
		return apierrors.NewInternalError(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(); err != nil {
		return apierrors.NewInternalError(err)
	}
	err = g.takeAddresses()
	if err == nil {
		err = g.nodePorts()
	}
	if err == nil {
		err = g.healthPort()
	}
	if err != nil || at.DryRun {
		for _, i := range g.taken {
			a.holders[i].pending--
			a.free(i)
		}
		return err
	}
	a.settle(ctx, g.uid, g.taken)
	return nil
}

func protocol(p corev1.ServicePort) corev1.Protocol {
	if p.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return p.Protocol
}

func (g *grant) take(i item) error {
	if slices.Contains(g.taken, i) {
		return nil
	}
	if i.port != 0 && g.book.has(i.port) {
		// An attempt of ours that was not stored does not explain it.
		if h := g.holders[i]; h == nil || !h.stored && !g.has(g.ctx, i, h) {
			return errPortTaken
		}
	}
	if err := g.Allocator.take(g.ctx, i, g.uid, g.name); err != nil {
		return err
	}
	g.taken = append(g.taken, i)
	return nil
}

func (g *grant) invalid(errs ...*field.Error) error {
	return apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, g.name.Name, errs)
}

// takeAddresses settles families and takes cluster IPs.
func (g *grant) takeAddresses() error {
	spec := &g.service.Spec
	if !hasAddress(g.service) {
		return nil
	}
	if err := g.settleFamilies(); err != nil {
		return err
	}
	if headless(g.service) {
		spec.ClusterIP, spec.ClusterIPs = corev1.ClusterIPNone, []string{corev1.ClusterIPNone}
		return nil
	}
	first := 0
	if g.old != nil && hasAddress(g.old) && len(g.old.Spec.ClusterIPs) > 0 {
		if headless(g.old) {
			return nil // validation refuses whatever it became
		}
		first = 1 // as it was, or validation refuses it
	}
	for n, family := range spec.IPFamilies {
		if n < first {
			continue
		}
		if n < len(spec.ClusterIPs) && spec.ClusterIPs[n] != "" {
			if err := g.requested(spec.ClusterIPs[n]); err != nil {
				return err
			}
			continue
		}
		ip, err := g.any(family)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		g.hold(item{ip: ip})
		g.mark(ip)
		spec.ClusterIPs = append(spec.ClusterIPs[:n:n], ip.String())
	}
	if first == 0 {
		spec.ClusterIP = spec.ClusterIPs[0]
	}
	return nil
}

// requested takes an address that the user chose.
func (g *grant) requested(text string) error {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		// Validation words it.
		return nil
	}
	if g.old != nil && slices.Contains(addressesOf(g.old), ip.Unmap()) {
		return nil
	}
	if err := g.take(item{ip: ip.Unmap()}); err != nil {
		return g.invalid(field.Invalid(field.NewPath("spec", "clusterIPs"), g.service.Spec.ClusterIPs, fmt.Sprintf("failed to allocate IP %s: %v", text, err)))
	}
	return nil
}

// hold notes who has an item that was free.
func (g *grant) hold(i item) {
	g.holders[i] = &holder{uid: g.uid, service: g.name, pending: 1}
	g.taken = append(g.taken, i)
}

// nodePorts takes the ports that were asked for and those that are missing.
// Ports of one number but different protocols share their node port.
func (g *grant) nodePorts() error {
	if !mayHavePorts(g.service) {
		return nil
	}
	before := portsOf(g.old)
	for n := range g.service.Spec.Ports {
		port := g.service.Spec.Ports[n].NodePort
		if port == 0 || slices.Contains(before, port) {
			continue
		}
		if err := g.take(item{port: port}); err != nil {
			return g.invalid(field.Invalid(field.NewPath("spec", "ports").Index(n).Child("nodePort"), port, err.Error()))
		}
	}
	if !wantsPorts(g.service) {
		return nil
	}
	for n := range g.service.Spec.Ports {
		p := &g.service.Spec.Ports[n]
		if p.NodePort != 0 {
			continue
		}
		if p.NodePort = g.shared(n); p.NodePort != 0 {
			continue
		}
		port, err := g.anyPort()
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
		}
		g.hold(item{port: port})
		p.NodePort = port
	}
	return nil
}

// shared returns the node port of another protocol on the same port, or zero.
func (g *grant) shared(n int) int32 {
	ports := g.service.Spec.Ports
	for m := range ports {
		if ports[m].Port != ports[n].Port || ports[m].NodePort == 0 || protocol(ports[m]) == protocol(ports[n]) {
			continue
		}
		taken := slices.ContainsFunc(ports, func(o corev1.ServicePort) bool {
			return o.NodePort == ports[m].NodePort && protocol(o) == protocol(ports[n])
		})
		if !taken {
			return ports[m].NodePort
		}
	}
	return 0
}

func (g *grant) healthPort() error {
	spec := &g.service.Spec
	if !wantsHealthPort(g.service) {
		return nil
	}
	if spec.HealthCheckNodePort == 0 {
		port, err := g.anyPort()
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a HealthCheck NodePort: %w", err))
		}
		g.hold(item{port: port})
		spec.HealthCheckNodePort = port
		return nil
	}
	if slices.Contains(portsOf(g.old), spec.HealthCheckNodePort) {
		return nil
	}
	if err := g.take(item{port: spec.HealthCheckNodePort}); err != nil {
		text := fmt.Sprintf("failed to allocate requested HealthCheck NodePort %d: %v", spec.HealthCheckNodePort, err)
		return apierrors.NewInternalError(errors.New(text))
	}
	return nil
}

package endpointslice

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
	"minke/client/reconcile"
)

const (
	mirrorComponent = "endpointslice-mirroring-controller"
	mirrorManager   = "endpointslicemirroring-controller.k8s.io"
	// maxMirrored bounds the addresses taken over from one subset.
	maxMirrored = 1000
)

// Mirror keeps slices that mirror Endpoints written by hand, for Services
// without a selector.
type Mirror struct {
	writer
	services  client.Informer[*corev1.Service]
	endpoints client.Informer[*corev1.Endpoints]
	loop      *reconcile.Loop
}

// NewMirror returns the controller.
func NewMirror(api client.Interface, informers *client.Informers) *Mirror {
	m := &Mirror{
		writer:    newWriter(api, informers, mirrorManager),
		services:  client.InformerOf(informers, client.Services),
		endpoints: client.InformerOf(informers, client.Endpoints),
	}
	m.loop = reconcile.New(mirrorComponent, reconcile.Options{}, m.sync)
	m.services.Handle(client.Handler[*corev1.Service]{
		Add:    func(s *corev1.Service) { m.loop.Add(client.KeyOf(s)) },
		Update: func(_, s *corev1.Service) { m.loop.Add(client.KeyOf(s)) },
		Delete: func(s *corev1.Service) { m.loop.Add(client.KeyOf(s)) },
	})
	m.endpoints.Handle(client.Handler[*corev1.Endpoints]{
		Add:    func(e *corev1.Endpoints) { m.loop.Add(client.KeyOf(e)) },
		Update: func(_, e *corev1.Endpoints) { m.loop.Add(client.KeyOf(e)) },
		Delete: func(e *corev1.Endpoints) { m.loop.Add(client.KeyOf(e)) },
	})
	m.wakeOnSlices(m.loop)
	return m
}

// Run mirrors until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, m.services.Synced(), m.endpoints.Synced(), m.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", mirrorComponent, err)
	}
	m.loop.Run(ctx, 1)
	return nil
}

func (m *Mirror) sync(ctx context.Context, key client.Key) error {
	service, hasService := m.services.Get(key.Namespace, key.Name)
	endpoints, ok := m.endpoints.Get(key.Namespace, key.Name)
	if !ok || !hasService || len(service.Spec.Selector) > 0 || endpoints.Labels[discoveryv1.LabelSkipMirror] == "true" || endpoints.DeletionTimestamp != nil {
		return m.removeAll(ctx, key, hasService)
	}
	if _, leads := endpoints.Annotations["control-plane.alpha.kubernetes.io/leader"]; leads {
		return m.removeAll(ctx, key, true)
	}
	var groups []*group
	for i := range endpoints.Subsets {
		mirrorSubset(&groups, &endpoints.Subsets[i])
	}
	l := maps.Clone(endpoints.Labels)
	if l == nil {
		l = map[string]string{}
	}
	return m.apply(ctx, endpoints, client.Endpoints.GroupVersionKind(), key.Name, l, groups)
}

func mirrorSubset(groups *[]*group, subset *corev1.EndpointSubset) {
	ports := []discoveryv1.EndpointPort{}
	for i := range subset.Ports {
		p := subset.Ports[i]
		ports = append(ports, discoveryv1.EndpointPort{Name: &p.Name, Port: &p.Port, Protocol: &p.Protocol, AppProtocol: p.AppProtocol})
	}
	slices.SortFunc(ports, comparePorts)
	taken := 0
	for _, list := range []struct {
		addresses []corev1.EndpointAddress
		ready     bool
	}{{subset.Addresses, true}, {subset.NotReadyAddresses, false}} {
		for _, a := range list.addresses {
			addr, err := netip.ParseAddr(a.IP)
			if err != nil || taken == maxMirrored {
				continue
			}
			taken++
			family := discoveryv1.AddressTypeIPv4
			if addr.Is6() {
				family = discoveryv1.AddressTypeIPv6
			}
			ready, leaving := list.ready, false
			e := discoveryv1.Endpoint{
				Addresses: []string{a.IP}, TargetRef: a.TargetRef, NodeName: a.NodeName,
				Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready, Terminating: &leaving},
			}
			if a.Hostname != "" {
				e.Hostname = &a.Hostname
			}
			find(groups, family, ports).endpoints[keyOf(&e)] = e
		}
	}
}

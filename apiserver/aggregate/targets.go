package aggregate

import (
	"cmp"
	"context"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/discovery"
)

// watchTargets pokes the checkers of APIServices whose Service, or one of its
// EndpointSlices, changes, until ctx ends.
func (m *Manager) watchTargets(ctx context.Context, resource schema.GroupVersionResource) {
	for ctx.Err() == nil {
		w, err := m.cfg.Server.WatchShared(ctx, resource, metav1.NamespaceAll, "0")
		if err != nil {
			if ctx.Err() == nil {
				m.log.Error("services of API services cannot be followed", "resource", resource.Resource, "error", err)
			}
			return // they are probed from time to time all the same
		}
		// What changed while nobody watched is found by looking.
		m.wake(func(*checker) bool { return true })
		for e := range w.ResultChan() {
			m.targetChanged(e)
		}
		w.Stop()
	}
}

func (m *Manager) targetChanged(e watch.Event) {
	obj, ok := e.Object.(metav1.Object)
	if !ok {
		return
	}
	name := obj.GetName()
	if slice, ok := e.Object.(*discoveryv1.EndpointSlice); ok {
		name = slice.Labels[discoveryv1.LabelServiceName]
	}
	m.wake(func(c *checker) bool {
		return c.spec.Service.Name == name && c.spec.Service.Namespace == obj.GetNamespace()
	})
}

// wake pokes the checkers that want it.
func (m *Manager) wake(wants func(*checker) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.checkers {
		if wants(c) {
			c.wake()
		}
	}
}

func sortRemote(all []discovery.Remote) {
	slices.SortFunc(all, func(a, b discovery.Remote) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version))
	})
}

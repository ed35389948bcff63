// Package garbagecollector deletes objects whose owners are gone, by the owner
// references of all objects: in the background, in the foreground (dependents
// first), or not at all (orphans).
package garbagecollector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
)

const (
	component = "garbage-collector-controller"
	workers   = 10
	// lookAgain is when a dependent is looked at again whose owner exists but
	// is not in our graph yet: its deletion might not reach us.
	lookAgain = 5 * time.Second
)

// Controller collects garbage.
type Controller struct {
	api       client.Interface
	informers *client.Informers
	graph     *graph
	deletes   *reconcile.Loop
	orphans   *reconcile.Loop
	events    *events.Recorder

	mu      sync.Mutex // guards what follows
	byKind  map[schema.GroupKind]client.APIResource
	watched map[schema.GroupVersionResource]client.Informer[client.Object]
	// elsewhere are those that other API servers hold.
	elsewhere map[schema.GroupVersionResource]bool
}

// New returns a collector over the resources.
func New(api client.Interface, informers *client.Informers, resources []client.APIResource) *Controller {
	c := &Controller{
		api: api, informers: informers, graph: newGraph(), events: events.NewRecorder(api, component, ""),
		byKind: map[schema.GroupKind]client.APIResource{}, watched: map[schema.GroupVersionResource]client.Informer[client.Object]{},
		elsewhere: map[schema.GroupVersionResource]bool{},
	}
	c.deletes = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.attemptDelete)
	c.orphans = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.attemptOrphan)
	c.Watch(resources)
	return c
}

// Watch makes resources what is watched, as when custom resource definitions
// come and go. The caller then starts the informers again. Events are not
// watched: nothing depends on them and they go by themselves.
func (c *Controller) Watch(resources []client.APIResource) {
	c.forgetOthers(resources)
	for _, resource := range resources {
		gvk := schema.GroupKind{Group: resource.Resource.Group, Kind: resource.Kind}
		if resource.Kind == client.Events.Kind || resource.Unwatched {
			continue
		}
		c.mu.Lock()
		_, known := c.watched[resource.Resource]
		c.byKind[gvk] = resource
		view := client.InformerOf(c.informers, client.Kind[client.Object]{Resource: resource.Resource}, resource.Identities()...)
		c.watched[resource.Resource] = view
		c.elsewhere[resource.Resource] = resource.Elsewhere
		c.mu.Unlock()
		if known {
			continue
		}
		view.Handle(client.Handler[client.Object]{
			Add:    func(obj client.Object) { c.changed(nodeOf(resource, obj)) },
			Update: func(_, obj client.Object) { c.changed(nodeOf(resource, obj)) },
			Delete: c.deleted,
		})
	}
}

// forgetOthers stops watching what is not among resources any more.
func (c *Controller) forgetOthers(resources []client.APIResource) {
	c.mu.Lock()
	var gone []schema.GroupVersionResource
	for watched := range c.watched {
		if !slices.ContainsFunc(resources, func(r client.APIResource) bool { return r.Resource == watched }) {
			gone = append(gone, watched)
			delete(c.watched, watched)
			delete(c.elsewhere, watched)
			maps.DeleteFunc(c.byKind, func(_ schema.GroupKind, r client.APIResource) bool { return r.Resource == watched })
		}
	}
	c.mu.Unlock()
	for _, resource := range gone {
		c.informers.Forget(resource)
	}
}

// Run collects until ctx ends. It begins when all resources known at the start
// were listed, but for those of other servers, which may not answer: what has an
// owner there, or is one's dependent, is looked at again by itself.
func (c *Controller) Run(ctx context.Context) error {
	c.mu.Lock()
	var synced []<-chan struct{}
	for resource, view := range c.watched {
		if !c.elsewhere[resource] {
			synced = append(synced, view.Synced())
		}
	}
	c.mu.Unlock()
	if err := reconcile.WaitFor(ctx, synced...); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.deletes.Run(ctx, workers) })
	running.Go(func() { c.orphans.Run(ctx, workers) })
	running.Wait()
	return nil
}

func keyOf(uid types.UID) client.Key { return client.Key{Name: string(uid)} }

func (c *Controller) changed(n *node) {
	old := c.graph.put(n)
	switch {
	case n.orphan:
		c.orphans.Add(keyOf(n.uid))
		return
	case n.foreground:
		c.deletes.Add(keyOf(n.uid))
		if old == nil || !old.foreground {
			c.wake(c.graph.dependentsOf(n.uid))
		}
		return
	}
	// A new owner may be gone already; a known one tells us when it goes.
	for _, ref := range n.owners {
		if owner := c.graph.get(ref.UID); owner != nil && owner.foreground || !c.seen(ref, n.key.Namespace) {
			c.deletes.Add(keyOf(n.uid))
			break
		}
	}
	// Owners in foreground deletion wait for references to be dropped.
	if old != nil {
		for _, ref := range old.owners {
			if owner := c.graph.get(ref.UID); owner != nil && owner.foreground {
				c.deletes.Add(keyOf(ref.UID))
			}
		}
	}
}

// seen tells whether we know of the owner that a dependent in namespace names,
// and so hear when it goes.
func (c *Controller) seen(ref metav1.OwnerReference, namespace string) bool {
	resource, err := c.resourceOf(ref)
	if err != nil {
		return false
	}
	if resource.Cluster {
		namespace = ""
	}
	c.mu.Lock()
	view := c.watched[resource.Resource]
	c.mu.Unlock()
	if view == nil {
		return false
	}
	owner, ok := view.Get(namespace, ref.Name)
	return ok && owner.GetUID() == ref.UID
}

func (c *Controller) deleted(obj client.Object) {
	old := c.graph.remove(obj.GetUID())
	c.wake(c.graph.dependentsOf(obj.GetUID()))
	if old == nil {
		return
	}
	for _, ref := range old.owners {
		if owner := c.graph.get(ref.UID); owner != nil && owner.foreground {
			c.deletes.Add(keyOf(ref.UID))
		}
	}
}

func (c *Controller) wake(nodes []*node) {
	for _, n := range nodes {
		c.deletes.Add(keyOf(n.uid))
	}
}

// resourceOf finds the resource of an owner reference.
func (c *Controller) resourceOf(ref metav1.OwnerReference) (client.APIResource, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return client.APIResource{}, fmt.Errorf("owner %s %s: %w", ref.Kind, ref.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	resource, ok := c.byKind[schema.GroupKind{Group: gv.Group, Kind: ref.Kind}]
	if !ok {
		return client.APIResource{}, fmt.Errorf("owner %s %s: no such kind is known in %q", ref.Kind, ref.Name, gv.Group)
	}
	return resource, nil
}

func (c *Controller) warn(obj client.Object, format string, args ...any) {
	c.events.Event(obj, corev1.EventTypeWarning, "OwnerRefInvalidNamespace", format, args...)
}

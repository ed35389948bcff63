package resourcequota

import (
	"context"
	"slices"
	"sync"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/quota"
	"minke/client"
)

// counted are the resources whose objects can be counted, as they come and go.
type counted struct {
	mu    sync.Mutex // guards what follows
	kinds map[schema.GroupVersionResource]*kind
}

// kind is one of them.
type kind struct {
	of   schema.GroupResource
	view client.Informer[client.Object]
	// first tells that nothing is counted before it was listed.
	first   bool
	awaited bool          // guarded by counted.mu
	gone    chan struct{} // closed when it is counted no more
}

var deviceClasses = resourceapi.SchemeGroupVersion.WithResource("deviceclasses")

// weighs tells whether objects of the resource say how much something counts. One
// that is not listed yet would make a recount too low, and give away what is used.
func weighs(of schema.GroupResource) bool {
	return of == deviceClasses.GroupResource() || slices.Contains(quota.Measured, of)
}

func (c *counted) all() []*kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*kind, 0, len(c.kinds))
	for _, k := range c.kinds {
		out = append(out, k)
	}
	return out
}

// find returns the view of a resource that was listed; nil when there is none.
func (c *counted) find(of schema.GroupResource) client.Informer[client.Object] {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kinds {
		if k.of == of && k.listed() {
			return k.view
		}
	}
	return nil
}

func (k *kind) listed() bool {
	select {
	case <-k.view.Synced():
		return true
	default:
		return false
	}
}

// Watch makes resources what can be counted, as when custom resource definitions
// come and go, and starts their informers; ctx ends what waits for their first lists.
func (c *Controller) Watch(ctx context.Context, resources []client.APIResource) {
	c.track(resources)
	c.informers.Start(ctx)
	c.await(ctx)
}

// track makes resources those that are counted.
func (c *Controller) track(resources []client.APIResource) {
	c.counted.mu.Lock()
	defer c.counted.mu.Unlock()
	for resource, k := range c.counted.kinds {
		if !slices.ContainsFunc(resources, func(r client.APIResource) bool { return r.Resource == resource }) {
			delete(c.counted.kinds, resource)
			close(k.gone)
		}
	}
	for _, r := range resources {
		of := r.Resource.GroupResource()
		if r.Cluster && r.Resource != deviceClasses || r.Unwatched || quota.Ignored(of) || c.counted.kinds[r.Resource] != nil {
			continue
		}
		k := &kind{of: of, gone: make(chan struct{}), first: r.BuiltIn() || weighs(of)}
		k.view = client.InformerOf(c.informers, client.Kind[client.Object]{Resource: r.Resource}, r.Identities()...)
		c.counted.kinds[r.Resource] = k
		k.view.Handle(client.Handler[client.Object]{
			Add:    func(obj client.Object) { c.wake(obj.GetNamespace(), settle) },
			Update: func(old, obj client.Object) { c.updated(of, old, obj) },
			Delete: func(obj client.Object) { c.wake(obj.GetNamespace(), 0) },
		})
	}
}

// await recounts all once a resource that came later has been listed.
func (c *Controller) await(ctx context.Context) {
	c.counted.mu.Lock()
	defer c.counted.mu.Unlock()
	for _, k := range c.counted.kinds {
		if k.awaited || k.first {
			continue
		}
		k.awaited = true
		go func() {
			select {
			case <-ctx.Done():
			case <-k.gone:
			case <-k.view.Synced():
				c.wake("", 0)
			}
		}()
	}
}

// updated recounts when an object now counts otherwise.
func (c *Controller) updated(of schema.GroupResource, old, obj client.Object) {
	if !slices.Contains(quota.Measured, of) || len(c.view.List(obj.GetNamespace(), nil)) == 0 {
		return
	}
	// What the classes of devices say weighs on both alike.
	if !quota.SameScopes(old, obj) || !quota.Equal(quota.Usage(of, old, nil), quota.Usage(of, obj, nil)) {
		c.wake(obj.GetNamespace(), 0)
	}
}

package apiserver

import (
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/store/cache"
)

// Custom is a resource that comes and goes while the server runs.
type Custom struct {
	*api.Resource
	// Shape changes with whatever decoded objects depend on. While it stays the
	// same, watches go on when the resource is set anew.
	Shape string
}

// SetCustom makes resources the ones that are served beside Config.Resources.
// The others are not disturbed. Requests under way end as they began; watches
// of what is gone, or whose shape has changed, end so that clients start anew.
func (s *Server) SetCustom(resources []Custom) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	before := s.routes.Load()
	table := &routes{endpoints: map[schema.GroupVersionResource]*endpoint{}}
	for at, e := range before.endpoints {
		if e.use == nil {
			table.endpoints[at] = e
		}
	}
	for _, e := range table.endpoints {
		if e.cache != nil && e.version == nil {
			table.caches = append(table.caches, e.cache)
		}
	}
	for _, r := range resources {
		if err := table.add(s.custom(r, before)); err != nil {
			return err
		}
		table.caches = append(table.caches, table.endpoints[r.GroupVersionResource()].cache)
	}
	s.routes.Store(table)
	for at, old := range before.endpoints {
		if old.use == nil || old == table.endpoints[at] {
			continue
		}
		s.metrics.forget(old)
		if now := table.endpoints[at]; now == nil || now.use != old.use {
			old.use.retire()
		}
	}
	return nil
}

// custom returns the endpoint of r: the one that is there if it is the same,
// with the cache that is there if that is as good.
func (s *Server) custom(r Custom, before *routes) *endpoint {
	old := before.endpoints[r.GroupVersionResource()]
	if old != nil && old.Resource == r.Resource {
		return old
	}
	e := newEndpoint(r.Resource)
	if old != nil && old.use != nil && old.use.shape == r.Shape {
		e.cache, e.use, e.pages = old.cache, old.use, old.pages
		return e
	}
	e.cache = newCache(e, s.budget, &s.cfg)
	e.use = &usage{shape: r.Shape, cache: e.cache}
	return e
}

// usage counts the requests that use a custom resource's cache, so that it is
// closed after the last of them.
type usage struct {
	shape string
	cache *cache.Cache

	mu      sync.Mutex // guards what follows
	count   int
	retired bool
}

// enter tells false when the cache is about to be closed: the caller looks for
// the endpoint again. A nil usage is a built-in resource's, which stays.
func (u *usage) enter() bool {
	if u == nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.count++
	return true
}

func (u *usage) leave() {
	if u == nil {
		return
	}
	u.mu.Lock()
	u.count--
	last := u.retired && u.count == 0
	u.mu.Unlock()
	if last {
		u.cache.Close()
	}
}

func (u *usage) retire() {
	u.mu.Lock()
	last := !u.retired && u.count == 0
	u.retired = true
	u.mu.Unlock()
	if last {
		u.cache.Close()
	}
}

// find looks for the endpoint that answers the request. The caller calls leave
// on its usage when it is done; a watch does not hold what it watches.
func (c *call) find() *endpoint {
	at := schema.GroupVersionResource{Group: c.info.Group, Version: c.info.Version, Resource: c.info.Resource}
	for {
		e := c.routes.Load().endpoints[at]
		if e == nil || c.longRunning() || e.use.enter() {
			return e
		}
	}
}

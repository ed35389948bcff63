package apiserver

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/store/cache"
)

// HeldGet is Get without asking a remote store: what this server wrote is there,
// what another one has just written may be missing. Only for what is not here at
// all the store is asked, as it may have just come to be.
func (s *Server) HeldGet(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	e, err := s.source(resource)
	if err == nil && e.Convert == nil {
		item, ok, err := e.cache.HeldItem(ctx, e.key(namespace, name))
		if err != nil {
			return nil, err
		}
		if ok {
			return item.Object(), nil
		}
	}
	return s.Get(ctx, resource, namespace, name)
}

// HeldSnapshot is Snapshot without asking a remote store.
func (s *Server) HeldSnapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return s.snapshot(resource, namespace, (*cache.Cache).Held)
}

// Changes returns a function whose result is another one whenever the objects
// of a built-in resource have changed: what was made of a HeldSnapshot after the
// call is up to date while the result stays. It costs one atomic load.
func (s *Server) Changes(resource schema.GroupVersionResource) (func() uint64, error) {
	e, err := s.source(resource)
	if err != nil {
		return nil, err
	}
	return e.cache.Changes, nil
}

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/store"
	"minke/store/cache"
)

// source returns the endpoint that in-process clients read.
func (s *Server) source(resource schema.GroupVersionResource) (*endpoint, error) {
	e := s.routes.Load().endpoints[resource]
	if e == nil {
		return nil, fmt.Errorf("read %s: %w", resource, apierrors.NewNotFound(resource.GroupResource(), ""))
	}
	if e.cache == nil || e.version != nil {
		return nil, fmt.Errorf("read %s: the resource is not stored in this version", resource)
	}
	return e, nil
}

// Snapshot returns all objects of the resource in namespace (all if empty) at
// one revision, in the order of their keys, and that revision. The objects are
// the cache's own and must not be changed.
func (s *Server) Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return s.snapshot(resource, namespace, func(c *cache.Cache, ctx context.Context) (*cache.Snapshot, error) { return c.Snapshot(ctx, 0) })
}

// Items is Snapshot for who can do without decoding each object: the objects of
// bulky resources and of custom ones may not be at hand.
func (s *Server) Items(resource schema.GroupVersionResource, namespace string) (iter.Seq[*cache.Item], string, error) {
	return s.items(resource, namespace, func(c *cache.Cache, ctx context.Context) (*cache.Snapshot, error) { return c.Snapshot(ctx, 0) })
}

// snapshot returns all objects of the resource in namespace, as read reads them.
func (s *Server) snapshot(resource schema.GroupVersionResource, namespace string, read func(*cache.Cache, context.Context) (*cache.Snapshot, error)) (iter.Seq[runtime.Object], string, error) {
	items, revision, err := s.items(resource, namespace, read)
	if err != nil {
		return nil, "", err
	}
	objects := func(yield func(runtime.Object) bool) {
		for item := range items {
			if !yield(item.Object()) {
				return
			}
		}
	}
	return objects, revision, nil
}

func (s *Server) items(resource schema.GroupVersionResource, namespace string, read func(*cache.Cache, context.Context) (*cache.Snapshot, error)) (iter.Seq[*cache.Item], string, error) {
	e, err := s.source(resource)
	if err != nil {
		return nil, "", err
	}
	snapshot, err := read(e.cache, s.cfg.Context)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", resource, err)
	}
	return snapshot.All(e.prefixIn(namespace), ""), strconv.FormatInt(int64(snapshot.Revision()), 10), nil
}

// WatchShared streams what came after revision, or without one what comes from
// now on. Objects are the cache's own
// and must not be changed. It fails with an Expired StatusError when the events
// after revision are not there any more.
func (s *Server) WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error) {
	e, err := s.source(resource)
	if err != nil {
		return nil, err
	}
	var from store.Revision
	if revision != "" {
		if from, err = parseRevision(revision); err != nil {
			return nil, err
		}
	}
	if from == 0 {
		snapshot, err := e.cache.Snapshot(ctx, 0)
		if err != nil {
			return nil, err
		}
		from = snapshot.Revision()
	}
	ctx, cancel := context.WithCancel(ctx)
	w, err := e.cache.Watch(ctx, e.prefixIn(namespace), from)
	if err != nil {
		cancel()
		if errors.Is(err, store.ErrCompacted) {
			return nil, expired()
		}
		return nil, err
	}
	shared := &sharedWatch{events: make(chan watch.Event, 64), cancel: cancel}
	go shared.run(ctx, w)
	return shared, nil
}

// sharedWatch hands a cache's events to one consumer in this process.
type sharedWatch struct {
	events chan watch.Event
	cancel context.CancelFunc
}

// Stop ends the watch.
func (w *sharedWatch) Stop() { w.cancel() }

// ResultChan returns the events; it is closed at the end.
func (w *sharedWatch) ResultChan() <-chan watch.Event { return w.events }

func (w *sharedWatch) run(ctx context.Context, source *cache.Watcher) {
	defer w.cancel()
	defer close(w.events)
	for batch := range source.Events() {
		for _, e := range batch {
			if !w.send(ctx, watch.Event{Type: watch.EventType(e.Type.String()), Object: e.Item.Object()}) {
				return
			}
		}
	}
	if err := endOf(source.Err()); err != nil {
		w.send(ctx, watch.Event{Type: watch.Error, Object: statusOf(err)})
	}
}

func (w *sharedWatch) send(ctx context.Context, e watch.Event) bool {
	select {
	case w.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

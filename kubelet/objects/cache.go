// Package objects keeps the ConfigMaps and Secrets that this node's pods refer
// to, and no others: one watch for each object while at least one pod refers
// to it, which is also all that the Node authorizer allows.
package objects

import (
	"context"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"minke/client"
)

// Cache holds the referenced objects of one kind.
type Cache[T client.Object] struct {
	api     client.Resource[T]
	gr      client.Kind[T]
	changed func(owner types.UID)
	log     *slog.Logger

	// mu guards entries and what is in them.
	mu      sync.Mutex
	entries map[client.Key]*entry[T]
	ctx     context.Context
	wg      sync.WaitGroup
}

type entry[T client.Object] struct {
	owners map[types.UID]bool
	obj    T
	exists bool
	err    error
	synced chan struct{} // closed after the first answer
	stop   context.CancelFunc
}

// New returns a cache. changed is called for each owner of an object that has
// changed; it must not block.
func New[T client.Object](ctx context.Context, api client.Interface, kind client.Kind[T], changed func(owner types.UID)) *Cache[T] {
	return &Cache[T]{
		api: client.Of(api, kind), gr: kind, changed: changed, ctx: ctx,
		log:     slog.Default().With("part", "kubelet", "watch", kind.Resource.Resource),
		entries: map[client.Key]*entry[T]{},
	}
}

// Get returns the object for the pod owner, which from then on is told of its
// changes. It waits for the first answer of the API server. An absent object
// is a NotFound error.
func (c *Cache[T]) Get(ctx context.Context, owner types.UID, namespace, name string) (T, error) {
	e := c.entry(owner, client.Key{Namespace: namespace, Name: name})
	var none T
	select {
	case <-e.synced:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.err != nil {
		return none, e.err
	}
	if !e.exists {
		return none, apierrors.NewNotFound(c.gr.Resource.GroupResource(), name)
	}
	return e.obj, nil
}

func (c *Cache[T]) entry(owner types.UID, key client.Key) *entry[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		ctx, stop := context.WithCancel(c.ctx)
		e = &entry[T]{owners: map[types.UID]bool{}, synced: make(chan struct{}), stop: stop}
		c.entries[key] = e
		c.wg.Add(1)
		go c.follow(ctx, key, e)
	}
	e.owners[owner] = true
	return e
}

// Forget drops all references of owner.
func (c *Cache[T]) Forget(owner types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if !e.owners[owner] {
			continue
		}
		delete(e.owners, owner)
		if len(e.owners) == 0 {
			e.stop()
			delete(c.entries, key)
		}
	}
}

// Wait returns when all watches have ended; the cache's context must have ended.
func (c *Cache[T]) Wait() { c.wg.Wait() }

func (c *Cache[T]) follow(ctx context.Context, key client.Key, e *entry[T]) {
	defer c.wg.Done()
	defer c.set(e, func() {
		if e.err == nil && !e.exists {
			e.err = context.Canceled
		}
	})
	delay := 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		if err := c.listAndWatch(ctx, key, e); err != nil && ctx.Err() == nil {
			c.log.Warn("watch", "object", key.String(), "err", err)
		}
		if time.Since(began) > time.Minute {
			delay = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, 10*time.Second)
	}
}

func (c *Cache[T]) listAndWatch(ctx context.Context, key client.Key, e *entry[T]) error {
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", key.Name).String()}
	list, revision, err := c.api.List(ctx, key.Namespace, options)
	if err != nil {
		c.set(e, func() {
			if !e.exists {
				e.err = err
			}
		})
		return err
	}
	c.set(e, func() {
		e.err, e.exists = nil, len(list) > 0
		if e.exists {
			e.obj = list[0]
		}
	})
	options.ResourceVersion = revision
	w, err := c.api.Watch(ctx, key.Namespace, options)
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		obj, ok := event.Object.(T)
		// An in-process watch tells of the end of objects it never told of.
		if !ok || event.Type == watch.Bookmark || client.KeyOf(obj) != key {
			continue
		}
		c.set(e, func() { e.obj, e.exists, e.err = obj, event.Type != watch.Deleted, nil })
	}
	return nil
}

// set changes e, opens it to readers, and tells the owners.
func (c *Cache[T]) set(e *entry[T], change func()) {
	c.mu.Lock()
	before, existed := e.obj, e.exists
	change()
	first := false
	select {
	case <-e.synced:
	default:
		first = true
		close(e.synced)
	}
	var owners []types.UID
	same := existed == e.exists && (!existed || before.GetResourceVersion() == e.obj.GetResourceVersion())
	if !first && !same {
		for owner := range e.owners {
			owners = append(owners, owner)
		}
	}
	c.mu.Unlock()
	for _, owner := range owners {
		c.changed(owner)
	}
}

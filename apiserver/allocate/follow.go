package allocate

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Run follows the stored services until ctx ends.
func (a *Allocator) Run(ctx context.Context) error {
	const pause = time.Second
	for {
		err := a.follow(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		slog.Default().With("part", "allocate").Warn("watch of services ended, reading anew", "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *Allocator) follow(ctx context.Context) error {
	a.mu.Lock()
	revision, err := a.load()
	a.mu.Unlock()
	if err != nil {
		return err
	}
	w, err := a.source.WatchShared(ctx, services, "", revision)
	if err != nil {
		return fmt.Errorf("watch services: %w", err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		service, ok := event.Object.(*corev1.Service)
		if !ok {
			return fmt.Errorf("watch services: %v", event.Object)
		}
		a.mu.Lock()
		if event.Type == watch.Deleted {
			a.seen(service, nil)
		} else {
			a.seen(service, itemsOf(service))
		}
		a.mu.Unlock()
	}
	return fmt.Errorf("watch services: the stream ended")
}

// ready loads the stored services on first use. a.mu is held.
func (a *Allocator) ready() error {
	if a.loaded {
		return nil
	}
	_, err := a.load()
	return err
}

// load reads all services and forgets those that are gone. a.mu is held.
func (a *Allocator) load() (revision string, err error) {
	all, revision, err := a.source.Snapshot(services, "")
	if err != nil {
		return "", fmt.Errorf("read services: %w", err)
	}
	known := map[types.UID]bool{}
	for obj := range all {
		service := obj.(*corev1.Service)
		known[service.UID] = true
		a.seen(service, itemsOf(service))
	}
	for uid := range a.stored {
		if !known[uid] {
			a.seen(&corev1.Service{ObjectMeta: metaOf(uid)}, nil)
		}
	}
	a.loaded = true
	return revision, nil
}

// seen takes notice of what a stored service has now. a.mu is held.
func (a *Allocator) seen(service *corev1.Service, items []item) {
	for _, i := range a.stored[service.UID] {
		if h := a.holders[i]; h != nil && h.uid == service.UID {
			h.stored = false
		}
	}
	before := a.stored[service.UID]
	delete(a.stored, service.UID)
	for _, i := range items {
		h := a.holders[i]
		if h == nil {
			// Out of range is possible for services of an earlier configuration.
			_ = a.mark(i)
			h = &holder{}
			a.holders[i] = h
		}
		if h.uid != service.UID && h.stored {
			// Two services have it; the first keeps it in the books.
			slog.Default().With("part", "allocate").Warn("two services have the same address or port", "item", i.String(), "service", service.Namespace+"/"+service.Name, "other", h.service.String())
			continue
		}
		if h.uid != service.UID {
			*h = holder{uid: service.UID}
		}
		h.service, h.stored = types.NamespacedName{Namespace: service.Namespace, Name: service.Name}, true
		a.stored[service.UID] = append(a.stored[service.UID], i)
	}
	for _, i := range before {
		a.free(i)
	}
}

package allocate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Run follows what is stored until ctx ends.
func (a *Allocator) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { a.keepBook(ctx) })
	for _, resource := range a.followed() {
		running.Go(func() { a.keepFollowing(ctx, resource) })
	}
	running.Wait()
	return ctx.Err()
}

func (a *Allocator) followed() []schema.GroupVersionResource {
	if !a.objects {
		return []schema.GroupVersionResource{services}
	}
	return []schema.GroupVersionResource{serviceCIDRs, ipAddresses, services}
}

func (a *Allocator) keepFollowing(ctx context.Context, resource schema.GroupVersionResource) {
	const pause = time.Second
	for {
		err := a.follow(ctx, resource)
		if ctx.Err() != nil {
			return
		}
		slog.Default().With("part", "allocate").Warn("a watch ended, reading anew", "resource", resource.Resource, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (a *Allocator) follow(ctx context.Context, resource schema.GroupVersionResource) error {
	a.mu.Lock()
	revision, err := a.load(resource)
	a.mu.Unlock()
	if err != nil {
		return err
	}
	w, err := a.source.WatchShared(ctx, resource, "", revision)
	if err != nil {
		return fmt.Errorf("watch %s: %w", resource.Resource, err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return fmt.Errorf("watch %s: %w", resource.Resource, apierrors.FromObject(event.Object))
		}
		a.mu.Lock()
		a.see(event.Object, event.Type == watch.Deleted)
		a.mu.Unlock()
	}
	return fmt.Errorf("watch %s: the stream ended", resource.Resource)
}

// see takes notice of a stored object, or that it is gone. a.mu is held.
func (a *Allocator) see(obj runtime.Object, gone bool) {
	switch o := obj.(type) {
	case *corev1.Service:
		if gone {
			a.seen(o, nil)
		} else {
			a.seen(o, itemsOf(o))
		}
	case *networkingv1.ServiceCIDR:
		a.seenCIDR(o, gone)
	case *networkingv1.IPAddress:
		a.seenAddress(o, gone)
	}
}

// ready loads what is stored on first use. a.mu is held.
func (a *Allocator) ready() error {
	if a.loaded {
		return nil
	}
	for _, resource := range a.followed() {
		if _, err := a.load(resource); err != nil {
			return err
		}
	}
	a.loaded = true
	return nil
}

// load reads all objects of a resource and forgets those that are gone. a.mu is
// held.
func (a *Allocator) load(resource schema.GroupVersionResource) (revision string, err error) {
	all, revision, err := a.source.Snapshot(resource, "")
	if err != nil {
		return "", fmt.Errorf("read %s: %w", resource.Resource, err)
	}
	switch resource {
	case serviceCIDRs:
		clear(a.cidrs)
		defer a.setRanges() // when there is none
	case ipAddresses:
		before := slices.Collect(maps.Keys(a.named))
		clear(a.named)
		for _, ip := range before {
			a.unmark(ip)
		}
	}
	known := map[types.UID]bool{}
	for obj := range all {
		known[obj.(metav1.Object).GetUID()] = true
		a.see(obj, false)
	}
	if resource == services {
		for uid := range a.stored {
			if !known[uid] {
				a.seen(&corev1.Service{ObjectMeta: metaOf(uid)}, nil)
			}
		}
	}
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
			h = &holder{}
			a.holders[i] = h
			a.markItem(i)
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

// markItem marks what a stored service has. Out of range is possible for services
// of an earlier configuration.
func (a *Allocator) markItem(i item) {
	if i.port == 0 {
		a.mark(i.ip)
		return
	}
	_ = a.ports.take(i.port)
}

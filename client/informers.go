package client

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Informers owns one shared informer for each kind and selection.
type Informers struct {
	api Interface
	log *slog.Logger

	mu      sync.Mutex // guards what follows
	views   map[viewKey]*view
	started map[*view]context.CancelFunc
}

// viewKey is what makes an informer another one.
type viewKey struct {
	resource                   schema.GroupVersionResource
	namespace, labels, fields  string
	identity, bulky, elsewhere bool
}

// NewInformers returns an empty set of informers on api.
func NewInformers(api Interface) *Informers {
	return &Informers{
		api: api, log: slog.Default().With("part", "client"),
		views: map[viewKey]*view{}, started: map[*view]context.CancelFunc{},
	}
}

// InformerOption narrows what an informer sees.
type InformerOption func(*viewKey)

// InNamespace narrows to one namespace.
func InNamespace(namespace string) InformerOption {
	return func(k *viewKey) { k.namespace = namespace }
}

// WithFields narrows to a field selector, such as "spec.nodeName=a".
func WithFields(selector string) InformerOption {
	return func(k *viewKey) { k.fields = selector }
}

// WithLabels narrows to a label selector.
func WithLabels(selector string) InformerOption {
	return func(k *viewKey) { k.labels = selector }
}

// InformerOf returns the shared informer of the kind under the options. One
// that is new starts with the next Start. A selector that cannot be parsed is a
// mistake in the program: it panics.
//
// With T = Object any resource can be watched by its name alone:
//
//	client.InformerOf(informers, client.Kind[client.Object]{Resource: gvr})
func InformerOf[T Object](f *Informers, k Kind[T], opts ...InformerOption) Informer[T] {
	key := viewKey{resource: k.Resource}
	for _, opt := range opts {
		opt(&key)
	}
	return informer[T]{f.view(key)}
}

func (f *Informers) view(key viewKey) *view {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := f.views[key]; v != nil {
		return v
	}
	selected, err := parseSelection(key.labels, key.fields)
	if err != nil {
		panic("client: " + err.Error())
	}
	api := f.api
	if key.elsewhere {
		api = Through(api)
	}
	v := newView(api, key, selected, f.log)
	f.views[key] = v
	return v
}

// Start runs, until ctx ends, every informer that was asked for and does not
// run yet. Call it again after asking for more.
func (f *Informers) Start(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.views {
		if f.started[v] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		f.started[v] = cancel
		go func() {
			defer cancel()
			v.run(ctx)
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.started, v)
		}()
	}
}

// Forget ends the informers of a resource that is not served any more. Their
// handlers hear that all objects are gone.
func (f *Informers) Forget(resource schema.GroupVersionResource) {
	f.mu.Lock()
	var gone []*view
	for key, v := range f.views {
		if key.resource == resource {
			gone = append(gone, v)
			delete(f.views, key)
			if cancel := f.started[v]; cancel != nil {
				cancel()
			}
		}
	}
	f.mu.Unlock()
	for _, v := range gone {
		v.clear()
	}
}

// Wait returns when every informer asked for so far has delivered its first
// list, or with an error when ctx ends before.
func (f *Informers) Wait(ctx context.Context) error {
	f.mu.Lock()
	waiting := make([]*view, 0, len(f.views))
	for _, v := range f.views {
		waiting = append(waiting, v)
	}
	f.mu.Unlock()
	for _, v := range waiting {
		select {
		case <-v.synced:
		case <-ctx.Done():
			return fmt.Errorf("wait for the first list of %s: %w", v.key.resource.Resource, ctx.Err())
		}
	}
	return nil
}

// informer is the typed face of a view.
type informer[T Object] struct{ view *view }

func (i informer[T]) Get(namespace, name string) (T, bool) {
	if obj := i.view.get(Key{namespace, name}); obj != nil {
		typed, ok := obj.(T)
		return typed, ok
	}
	var none T
	return none, false
}

func (i informer[T]) List(namespace string, selector labels.Selector) []T {
	var objs []T
	all := selector == nil || selector.Empty()
	i.view.ascend(namespace, func(obj Object) {
		if typed, ok := obj.(T); ok && (all || selector.Matches(labels.Set(obj.GetLabels()))) {
			objs = append(objs, typed)
		}
	})
	return objs
}

func (i informer[T]) AddIndex(name string, values func(T) []string) {
	i.view.addIndex(name, func(obj Object) []string {
		if typed, ok := obj.(T); ok {
			return values(typed)
		}
		return nil
	})
}

func (i informer[T]) Indexed(name, value string) []T {
	objs := i.view.indexed(name, value)
	typed := make([]T, 0, len(objs))
	for _, obj := range objs {
		if t, ok := obj.(T); ok {
			typed = append(typed, t)
		}
	}
	return typed
}

func (i informer[T]) Handle(h Handler[T]) {
	var untyped Handler[Object]
	if h.Add != nil {
		untyped.Add = func(obj Object) { h.Add(obj.(T)) }
	}
	if h.Update != nil {
		untyped.Update = func(old, obj Object) { h.Update(old.(T), obj.(T)) }
	}
	if h.Delete != nil {
		untyped.Delete = func(obj Object) { h.Delete(obj.(T)) }
	}
	i.view.handle(untyped)
}

func (i informer[T]) Synced() <-chan struct{} { return i.view.synced }

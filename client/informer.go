package client

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Source is the API server's cache as an in-process informer reads it. What it
// hands out is shared and never changed.
type Source interface {
	// Snapshot returns all objects of the resource at one revision, in the
	// order of their keys, and that revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	// WatchShared streams what came after revision. Objects are the cache's own.
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
}

// Informer is a shared, current view of one kind.
type Informer[T Object] interface {
	// Get returns the object as of the latest event delivered.
	Get(namespace, name string) (T, bool)
	// List returns the objects in namespace (empty: all) that selector
	// matches (nil: all), in the order of namespace and name.
	List(namespace string, selector labels.Selector) []T
	// AddIndex keeps, from then on, a map from values(obj) to objects. Adding
	// the same name again does nothing.
	AddIndex(name string, values func(T) []string)
	// Indexed returns the objects that have value in the index.
	Indexed(name, value string) []T
	// Handle calls h for every object that exists and for every later
	// change, in order, from one goroutine. Handlers must not block: they put
	// keys into queues.
	Handle(h Handler[T])
	// Synced is closed when the first list has been delivered to all handlers.
	Synced() <-chan struct{}
}

// Handler receives changes. Each function may be nil.
type Handler[T Object] struct {
	Add    func(obj T)
	Update func(old, obj T)
	Delete func(obj T)
}

// Key is the identity of an object in queues.
type Key struct{ Namespace, Name string }

// KeyOf returns obj's key.
func KeyOf(obj Object) Key { return Key{obj.GetNamespace(), obj.GetName()} }

// String returns namespace/name, or the name alone.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

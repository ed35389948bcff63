// Package client is how every part of Minke talks to the API: typed verbs and
// shared informers, the same whether the API server lives in this process
// (InProcess: no serialization, no second copy of an object) or elsewhere
// (Remote: HTTPS, protobuf).
//
//	pods := client.Of(c, client.Pods)
//	pod, err := pods.Get(ctx, "default", "web-0")
//
//	informers := client.NewInformers(c)
//	nodes := client.InformerOf(informers, client.Nodes)
//	nodes.Handle(client.Handler[*corev1.Node]{Add: queue.Add})
//	informers.Start(ctx)
//
// Objects that come out of informers and out of in-process reads are shared
// with everybody: never change them, DeepCopy first.
package client

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Object is what every resource's type offers.
type Object interface {
	runtime.Object
	metav1.Object
}

// Interface is the untyped way to the API. Errors are those of
// apimachinery/pkg/api/errors (StatusError).
type Interface interface {
	// Do performs one request and returns the answer's object: the object
	// itself, a list, or a Status.
	Do(ctx context.Context, r Request) (runtime.Object, error)
	// Watch streams events from r.List.ResourceVersion on, until ctx ends or
	// the server ends it (the channel closes, or an Error event comes first).
	Watch(ctx context.Context, r Request) (watch.Interface, error)
}

// Request is one call.
type Request struct {
	// Verb is get, list, create, update, patch, delete or deletecollection.
	Verb      string
	Resource  schema.GroupVersionResource
	Namespace string
	Name      string
	// Subresource is "status", "scale", "binding", ….
	Subresource string
	// Body is the object of create and update, given away to the server.
	Body runtime.Object
	// List selects for list, watch and deletecollection.
	List metav1.ListOptions
	// Delete holds the options of delete and deletecollection.
	Delete metav1.DeleteOptions
	// Patch and PatchType are for patch; Force is for apply.
	Patch        []byte
	PatchType    types.PatchType
	Force        bool
	FieldManager string
	DryRun       bool
}

// Kind names a resource and its Go type.
type Kind[T Object] struct {
	Resource schema.GroupVersionResource
	Kind     string
	New      func() T
	NewList  func() runtime.Object
	// Cluster tells that the resource has no namespace.
	Cluster bool
}

// GroupVersionKind names the kind.
func (k Kind[T]) GroupVersionKind() schema.GroupVersionKind {
	return k.Resource.GroupVersion().WithKind(k.Kind)
}

// Resource offers the typed verbs of one kind.
type Resource[T Object] struct {
	api  Interface
	kind Kind[T]
}

// Of returns the verbs of kind.
func Of[T Object](api Interface, kind Kind[T]) Resource[T] {
	return Resource[T]{api: api, kind: kind}
}

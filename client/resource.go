package client

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

func (r Resource[T]) do(ctx context.Context, q Request) (T, error) {
	q.Resource = r.kind.Resource
	answer, err := r.api.Do(ctx, q)
	if err != nil {
		var none T
		return none, err
	}
	obj, ok := answer.(T)
	if !ok {
		var none T
		return none, fmt.Errorf("%s %s %s/%s: the answer is a %T, not a %T", q.Verb, r.kind.Resource.Resource, q.Namespace, q.Name, answer, none)
	}
	return obj, nil
}

// Get returns one object.
func (r Resource[T]) Get(ctx context.Context, namespace, name string) (T, error) {
	return r.do(ctx, Request{Verb: "get", Namespace: namespace, Name: name})
}

// List returns the objects that options select, and the list's resourceVersion.
// An empty namespace means all.
func (r Resource[T]) List(ctx context.Context, namespace string, options metav1.ListOptions) ([]T, string, error) {
	answer, err := r.api.Do(ctx, Request{Verb: "list", Resource: r.kind.Resource, Namespace: namespace, List: options})
	if err != nil {
		return nil, "", err
	}
	list, err := meta.ListAccessor(answer)
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", r.kind.Resource.Resource, err)
	}
	var objs []T
	err = meta.EachListItem(answer, func(o runtime.Object) error {
		objs = append(objs, o.(T))
		return nil
	})
	return objs, list.GetResourceVersion(), err
}

// Watch streams changes from options.ResourceVersion on.
func (r Resource[T]) Watch(ctx context.Context, namespace string, options metav1.ListOptions) (watch.Interface, error) {
	return r.api.Watch(ctx, Request{Verb: "watch", Resource: r.kind.Resource, Namespace: namespace, List: options})
}

// Create creates obj, which the caller gives away, and returns it as stored.
func (r Resource[T]) Create(ctx context.Context, obj T) (T, error) {
	return r.do(ctx, Request{Verb: "create", Namespace: obj.GetNamespace(), Body: obj})
}

// Update replaces the object; obj is given away. With a resourceVersion in obj
// it fails with a Conflict if somebody was faster.
func (r Resource[T]) Update(ctx context.Context, obj T) (T, error) {
	return r.UpdateSubresource(ctx, obj, "")
}

// UpdateStatus replaces the object's status only.
func (r Resource[T]) UpdateStatus(ctx context.Context, obj T) (T, error) {
	return r.UpdateSubresource(ctx, obj, "status")
}

// UpdateSubresource replaces the part of the object that subresource covers.
func (r Resource[T]) UpdateSubresource(ctx context.Context, obj T, subresource string) (T, error) {
	return r.do(ctx, Request{Verb: "update", Namespace: obj.GetNamespace(), Name: obj.GetName(), Subresource: subresource, Body: obj})
}

// Patch changes the object, or one of its subresources when one is named.
func (r Resource[T]) Patch(ctx context.Context, namespace, name string, kind types.PatchType, patch []byte, subresource ...string) (T, error) {
	q := Request{Verb: "patch", Namespace: namespace, Name: name, PatchType: kind, Patch: patch}
	if len(subresource) > 0 {
		q.Subresource = subresource[0]
	}
	return r.do(ctx, q)
}

// Delete deletes one object.
func (r Resource[T]) Delete(ctx context.Context, namespace, name string, options metav1.DeleteOptions) error {
	_, err := r.api.Do(ctx, Request{Verb: "delete", Resource: r.kind.Resource, Namespace: namespace, Name: name, Delete: options})
	return err
}

// DeleteCollection deletes all objects in namespace that list selects.
func (r Resource[T]) DeleteCollection(ctx context.Context, namespace string, options metav1.DeleteOptions, list metav1.ListOptions) error {
	_, err := r.api.Do(ctx, Request{Verb: "deletecollection", Resource: r.kind.Resource, Namespace: namespace, Delete: options, List: list})
	return err
}

// Post creates body at a subresource that acts, such as binding, eviction or
// token, and returns what the server answers.
func (r Resource[T]) Post(ctx context.Context, namespace, name, subresource string, body runtime.Object) (runtime.Object, error) {
	return r.api.Do(ctx, Request{Verb: "create", Resource: r.kind.Resource, Namespace: namespace, Name: name, Subresource: subresource, Body: body})
}

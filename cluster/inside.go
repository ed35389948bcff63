package cluster

import (
	"context"
	"iter"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/client"
)

// inside is how the API server's own helpers (token checks, node rules,
// actions, admission) read and change stored objects: through the front door
// like everybody, as a user who may do everything.
type inside struct {
	api    client.Interface
	source client.Source
}

// Get returns one object, which is shared.
func (i *inside) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	return i.api.Do(ctx, client.Request{Verb: "get", Resource: resource, Namespace: namespace, Name: name})
}

// Snapshot returns all objects of the resource and their revision.
func (i *inside) Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return i.source.Snapshot(resource, namespace)
}

// updateRetries bounds how often a change is made again because somebody was
// faster.
const updateRetries = 16

// Update applies change to a copy of the object and writes it, again from the
// newest state whenever somebody was faster.
func (i *inside) Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error) {
	return i.UpdateSubresource(ctx, resource, namespace, name, "", change)
}

// UpdateSubresource is Update by way of a subresource, such as "status".
func (i *inside) UpdateSubresource(ctx context.Context, resource schema.GroupVersionResource, namespace, name, subresource string, change func(api.Object) error) (api.Object, error) {
	for tries := 0; ; tries++ {
		stored, err := i.Get(ctx, resource, namespace, name)
		if err != nil {
			return nil, err
		}
		obj := stored.DeepCopyObject().(api.Object)
		if err := change(obj); err != nil {
			return nil, err
		}
		answer, err := i.api.Do(ctx, client.Request{
			Verb: "update", Resource: resource, Namespace: namespace, Name: name, Subresource: subresource, Body: obj,
		})
		if apierrors.IsConflict(err) && tries < updateRetries {
			continue
		}
		if err != nil {
			return nil, err
		}
		return answer.(api.Object), nil
	}
}

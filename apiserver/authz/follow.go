package authz

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Source is where roles and bindings are read and followed. What it hands out
// is shared and never changed. It is a subset of client.Source.
type Source interface {
	// Snapshot returns all objects of the resource and their revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	// WatchShared streams what came after revision.
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
}

// resources are what RBAC follows. Roles come first, so that a binding read at
// start finds its role.
var resources = []string{"clusterroles", "roles", "clusterrolebindings", "rolebindings"}

// Run follows the source until ctx ends. A watch that breaks is taken up anew
// from a fresh snapshot.
func (r *RBAC) Run(ctx context.Context) error {
	done := make(chan error, len(resources))
	ready := make(chan struct{}, len(resources))
	for _, name := range resources {
		go func() { done <- r.follow(ctx, rbacv1.SchemeGroupVersion.WithResource(name), ready) }()
	}
	for range resources {
		select {
		case <-ready:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		close(r.synced)
	}
	for range resources {
		<-done
	}
	return ctx.Err()
}

// follow keeps the index of one resource current until ctx ends.
func (r *RBAC) follow(ctx context.Context, resource schema.GroupVersionResource, ready chan<- struct{}) error {
	const pause = time.Second
	known := map[types.NamespacedName]bool{}
	first := true
	for {
		err := r.once(ctx, resource, known, func() {
			if first {
				first = false
				ready <- struct{}{}
			}
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		slog.Default().With("part", "authz").Warn("watch ended, reading anew", "resource", resource.Resource, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once reads a snapshot, then applies events until the watch ends.
func (r *RBAC) once(ctx context.Context, resource schema.GroupVersionResource, known map[types.NamespacedName]bool, ready func()) error {
	objs, revision, err := r.source.Snapshot(resource, "")
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", resource.Resource, err)
	}
	gone := map[types.NamespacedName]bool{}
	for name := range known {
		gone[name] = true
	}
	for obj := range objs {
		name := r.set(obj)
		known[name] = true
		delete(gone, name)
	}
	for name := range gone {
		r.drop(resource.Resource, name)
		delete(known, name)
	}
	ready()
	w, err := r.source.WatchShared(ctx, resource, "", revision)
	if err != nil {
		return fmt.Errorf("watch %s: %w", resource.Resource, err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			known[r.set(event.Object)] = true
		case watch.Deleted:
			name := nameOf(event.Object)
			r.drop(resource.Resource, name)
			delete(known, name)
		case watch.Error:
			return fmt.Errorf("watch %s: %v", resource.Resource, event.Object)
		}
	}
	return fmt.Errorf("watch %s: the stream ended", resource.Resource)
}

func nameOf(obj runtime.Object) types.NamespacedName {
	m, ok := obj.(metav1.Object)
	if !ok {
		return types.NamespacedName{}
	}
	return types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}
}

// set indexes an object and returns its name.
func (r *RBAC) set(obj runtime.Object) types.NamespacedName {
	name := nameOf(obj)
	switch o := obj.(type) {
	case *rbacv1.ClusterRole:
		r.policy.setRole(name, o.Rules)
	case *rbacv1.Role:
		r.policy.setRole(name, o.Rules)
	case *rbacv1.ClusterRoleBinding:
		r.policy.setBinding(name, o.RoleRef, o.Subjects)
	case *rbacv1.RoleBinding:
		r.policy.setBinding(name, o.RoleRef, o.Subjects)
	}
	return name
}

func (r *RBAC) drop(resource string, name types.NamespacedName) {
	if resource == "roles" || resource == "clusterroles" {
		r.policy.dropRole(name)
		return
	}
	r.policy.dropBinding(name)
}

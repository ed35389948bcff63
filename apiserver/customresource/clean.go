package customresource

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/request"
)

// janitor is who deletes the objects of a definition that goes.
var janitor = &inprocess.User{Name: "system:apiserver", Groups: []string{"system:masters"}}

// clean begins to delete the objects of a definition that is being deleted,
// unless that has begun.
func (m *Manager) clean(ctx context.Context, crd *definition, cleaners *sync.WaitGroup) {
	if crd.DeletionTimestamp == nil || !slices.Contains(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	uid := string(crd.UID)
	if m.cleaning[uid] {
		return
	}
	m.cleaning[uid] = true
	var storage *api.Resource
	if s := m.served[crd.Name]; s != nil {
		storage = s.storage
	}
	cleaners.Go(func() {
		err := m.empty(request.WithUser(ctx, janitor), crd, storage)
		m.mu.Lock()
		delete(m.cleaning, uid)
		m.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			m.log.Error("objects of a deleted definition cannot be removed", "name", crd.Name, "error", err)
			m.terminating(ctx, crd, condition{Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionFailed",
				Message: fmt.Sprintf("could not list instances: %v", err)})
		}
	})
}

// empty deletes all objects, waits until the last of them is gone, and lets the
// definition go. A definition that was never served has none.
func (m *Manager) empty(ctx context.Context, crd *definition, storage *api.Resource) error {
	if storage != nil {
		m.terminating(ctx, crd, condition{Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionInProgress",
			Message: "CustomResource deletion is in progress"})
		for {
			left, revision, err := m.deleteAll(ctx, storage.GroupVersionResource())
			if err != nil {
				return err
			}
			if left == 0 {
				break
			}
			if err := m.awaitChange(ctx, storage.GroupVersionResource(), revision); err != nil {
				return err
			}
		}
	}
	_, err := m.cfg.Server.Update(ctx, Definitions, "", crd.Name, func(obj api.Object) error {
		if obj.GetUID() != crd.UID {
			return errStale
		}
		now := obj.(*definition)
		now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == apiextensionsv1.CustomResourceCleanupFinalizer })
		setCondition(now, condition{Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionFalse,
			Reason: "InstanceDeletionCompleted", Message: "removed all instances"})
		return nil
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("release %s: %w", crd.Name, err)
	}
	return nil
}

// deleteAll begins the deletion of every object and tells how many are left,
// as of which revision: finalizers may hold them.
func (m *Manager) deleteAll(ctx context.Context, resource schema.GroupVersionResource) (left int, revision string, err error) {
	all, _, err := m.cfg.Server.Snapshot(resource, "")
	if err != nil {
		return 0, "", err
	}
	for obj := range all {
		o := obj.(api.Object)
		if o.GetDeletionTimestamp() != nil {
			continue
		}
		uid := o.GetUID()
		err := m.cfg.Server.Delete(ctx, resource, o.GetNamespace(), o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return 0, "", fmt.Errorf("delete %s %s/%s: %w", resource.Resource, o.GetNamespace(), o.GetName(), err)
		}
	}
	all, revision, err = m.cfg.Server.Snapshot(resource, "")
	if err != nil {
		return 0, "", err
	}
	for range all {
		left++
	}
	return left, revision, nil
}

// awaitChange returns when something happens to the resource's objects.
func (m *Manager) awaitChange(ctx context.Context, resource schema.GroupVersionResource, revision string) error {
	w, err := m.cfg.Server.WatchShared(ctx, resource, "", revision)
	if err != nil {
		return err
	}
	defer w.Stop()
	next(ctx, w)
	return ctx.Err()
}

// terminating notes how far the deletion has come. That it fails changes
// nothing: it is only told.
func (m *Manager) terminating(ctx context.Context, crd *definition, c condition) {
	c.Type = apiextensionsv1.Terminating
	_, err := m.cfg.Server.Update(ctx, Definitions, "", crd.Name, func(obj api.Object) error {
		if obj.GetUID() != crd.UID {
			return errStale
		}
		setCondition(obj.(*definition), c)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.log.Debug("deletion of a definition cannot be noted", "name", crd.Name, "error", err)
	}
}

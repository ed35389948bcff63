package customresource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
		m.cleanUp(request.WithUser(ctx, janitor), crd, storage)
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.cleaning, uid)
	})
}

// Pauses between attempts to delete a definition's objects double from first
// to last.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// cleanUp tries until all is gone.
func (m *Manager) cleanUp(ctx context.Context, crd *definition, storage *api.Resource) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := m.empty(ctx, crd, storage)
		if err == nil || ctx.Err() != nil {
			return
		}
		m.log.Warn("objects of a deleted definition cannot be removed", "name", crd.Name, "error", err, "pause", pause)
		if m.terminating(ctx, crd, condition{Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionFailed",
			Message: fmt.Sprintf("could not delete instances: %v", err)}) {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// empty deletes all objects, waits until the last of them is gone, and lets the
// definition go. A definition that was never served has none.
func (m *Manager) empty(ctx context.Context, crd *definition, storage *api.Resource) error {
	if storage != nil {
		if m.terminating(ctx, crd, condition{Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionInProgress",
			Message: "CustomResource deletion is in progress"}) {
			return nil
		}
		for {
			left, revision, err := m.deleteAll(ctx, storage.GroupVersionResource())
			if err == nil && left > 0 {
				err = m.awaitChange(ctx, storage.GroupVersionResource(), revision)
			}
			if err == nil && left == 0 || apierrors.IsNotFound(err) {
				break // what is not served any more was emptied before
			}
			if err != nil && !apierrors.IsResourceExpired(err) {
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
	if err != nil && !apierrors.IsNotFound(err) && !errors.Is(err, errStale) {
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

// terminating notes how far the deletion has come, and tells true when the
// definition is gone: another one of its name must keep its objects.
func (m *Manager) terminating(ctx context.Context, crd *definition, c condition) (gone bool) {
	c.Type = apiextensionsv1.Terminating
	_, err := m.cfg.Server.Update(ctx, Definitions, "", crd.Name, func(obj api.Object) error {
		if obj.GetUID() != crd.UID {
			return errStale
		}
		setCondition(obj.(*definition), c)
		return nil
	})
	if apierrors.IsNotFound(err) || errors.Is(err, errStale) {
		return true
	}
	if err != nil && ctx.Err() == nil {
		m.log.Warn("deletion of a definition cannot be noted", "name", crd.Name, "error", err)
	}
	return false
}

// Package storageversionmigrator writes every object of a resource anew when a
// StorageVersionMigration asks for it, so that each is stored as the server
// stores it now: in the current version, encrypted with the current key
// (KEP-4192).
package storageversionmigrator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	migrationv1 "k8s.io/api/storagemigration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/reconcile"
)

const component = "storage-version-migrator-controller"

// Migrations are what the controller follows.
var Migrations = client.Kind[*migrationv1.StorageVersionMigration]{
	Resource: migrationv1.SchemeGroupVersion.WithResource("storageversionmigrations"),
	Kind:     "StorageVersionMigration",
	New:      func() *migrationv1.StorageVersionMigration { return new(migrationv1.StorageVersionMigration) },
	NewList:  func() runtime.Object { return new(migrationv1.StorageVersionMigrationList) },
	Cluster:  true,
}

// Controller migrates, one resource at a time.
//
//	created ──> Running ──> every object was patched ──> Succeeded
//	               └─ a write was refused for good ──> Failed
type Controller struct {
	api        client.Interface
	migrations client.Resource[*migrationv1.StorageVersionMigration]
	view       client.Informer[*migrationv1.StorageVersionMigration]
	resources  func(context.Context) ([]client.APIResource, error)
	loop       *reconcile.Loop
}

// New returns the controller; resources lists what can be migrated.
func New(api client.Interface, informers *client.Informers, resources func(context.Context) ([]client.APIResource, error)) *Controller {
	c := &Controller{api: api, resources: resources, migrations: client.Of(api, Migrations), view: client.InformerOf(informers, Migrations)}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	look := func(m *migrationv1.StorageVersionMigration) {
		if !ended(m) {
			c.loop.Add(client.KeyOf(m))
		}
	}
	c.view.Handle(client.Handler[*migrationv1.StorageVersionMigration]{
		Add: look, Update: func(_, m *migrationv1.StorageVersionMigration) { look(m) },
	})
	return c
}

// Run migrates until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func ended(m *migrationv1.StorageVersionMigration) bool {
	return is(m, migrationv1.MigrationSucceeded) || is(m, migrationv1.MigrationFailed)
}

func is(m *migrationv1.StorageVersionMigration, kind migrationv1.MigrationConditionType) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
}

// patience is how long a migration may wait for its resource, as in Kubernetes.
const patience = time.Minute

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	m, ok := c.view.Get("", key.Name)
	if !ok || ended(m) {
		return nil
	}
	resource, found, err := c.find(ctx, m.Spec.Resource)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", key.Name, err)
	}
	if !found {
		// It may be about to be defined.
		if wait := time.Until(m.CreationTimestamp.Add(patience)); wait > 0 {
			c.loop.AddAfter(key, wait)
			return nil
		}
		return c.tell(ctx, m, migrationv1.MigrationFailed, "StorageVersionMigrationFailed",
			fmt.Sprintf("the server has no resource %s", schema.GroupResource(m.Spec.Resource)), "")
	}
	objs, revision, err := client.ListAny(ctx, c.api, resource, "", metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("migrate %s: %w", key.Name, err)
	}
	if !is(m, migrationv1.MigrationRunning) {
		// The change brings the migration here again.
		return c.tell(ctx, m, migrationv1.MigrationRunning, "StorageVersionMigrationInProgress", "", revision)
	}
	for _, obj := range objs {
		err := c.rewrite(ctx, resource, obj)
		switch {
		case err == nil:
		case lasting(err):
			return c.tell(ctx, m, migrationv1.MigrationFailed, "StorageVersionMigrationFailed", err.Error(), "")
		default:
			return fmt.Errorf("migrate %s: %w", key.Name, err)
		}
	}
	return c.tell(ctx, m, migrationv1.MigrationSucceeded, "StorageVersionMigrationSucceeded", "", "")
}

func (c *Controller) find(ctx context.Context, wanted metav1.GroupResource) (schema.GroupVersionResource, bool, error) {
	all, err := c.resources(ctx)
	if err != nil {
		return schema.GroupVersionResource{}, false, fmt.Errorf("list resources: %w", err)
	}
	for _, r := range all {
		if r.Resource.GroupResource() == schema.GroupResource(wanted) {
			return r.Resource, true, nil
		}
	}
	return schema.GroupVersionResource{}, false, nil
}

// rewrite patches obj with nothing new: the server writes it if it is not
// stored as it would be now. Whoever changed or deleted it meanwhile did the
// work.
func (c *Controller) rewrite(ctx context.Context, resource schema.GroupVersionResource, obj client.Object) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": obj.GetUID(), "resourceVersion": obj.GetResourceVersion(),
	}})
	if err != nil {
		return err
	}
	_, err = c.api.Do(ctx, client.Request{Verb: "patch", Resource: resource, Namespace: obj.GetNamespace(), Name: obj.GetName(),
		PatchType: types.MergePatchType, Patch: patch, FieldManager: component})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s %s anew: %w", resource.Resource, client.KeyOf(obj), err)
	}
	return nil
}

// lasting tells that another try would fail as well.
func lasting(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsMethodNotSupported(err)
}

// tell adds a condition, and the revision that the migration began at.
func (c *Controller) tell(ctx context.Context, m *migrationv1.StorageVersionMigration, kind migrationv1.MigrationConditionType, reason, message, revision string) error {
	m = m.DeepCopy()
	if revision != "" {
		m.Status.ResourceVersion = revision
	}
	if running := meta.FindStatusCondition(m.Status.Conditions, string(migrationv1.MigrationRunning)); running != nil && kind != migrationv1.MigrationRunning {
		ends := *running
		ends.Status = metav1.ConditionFalse
		meta.SetStatusCondition(&m.Status.Conditions, ends)
	}
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: string(kind), Status: metav1.ConditionTrue, Reason: reason, Message: message})
	if _, err := c.migrations.UpdateStatus(ctx, m); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("update the status of migration %s: %w", m.Name, err)
	}
	return nil
}

// Package serviceaccount keeps the "default" ServiceAccount in each namespace.
package serviceaccount

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "serviceaccount-controller"
	name      = "default"
)

// Controller creates missing accounts.
type Controller struct {
	accounts   client.Resource[*corev1.ServiceAccount]
	view       client.Informer[*corev1.ServiceAccount]
	namespaces client.Informer[*corev1.Namespace]
	loop       *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		accounts:   client.Of(api, client.ServiceAccounts),
		view:       client.InformerOf(informers, client.ServiceAccounts),
		namespaces: client.InformerOf(informers, client.Namespaces),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.namespaces.Handle(client.Handler[*corev1.Namespace]{
		Add:    func(ns *corev1.Namespace) { c.loop.Add(client.KeyOf(ns)) },
		Update: func(_, ns *corev1.Namespace) { c.loop.Add(client.KeyOf(ns)) },
	})
	c.view.Handle(client.Handler[*corev1.ServiceAccount]{Delete: func(sa *corev1.ServiceAccount) {
		c.loop.Add(client.Key{Name: sa.Namespace})
	}})
	return c
}

// Run keeps the accounts until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.namespaces.Synced(), c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	ns, ok := c.namespaces.Get("", key.Name)
	if !ok || ns.DeletionTimestamp != nil || ns.Status.Phase == corev1.NamespaceTerminating {
		return nil
	}
	if _, ok := c.view.Get(ns.Name, name); ok {
		return nil
	}
	_, err := c.accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: name}})
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return fmt.Errorf("create service account %s/%s: %w", ns.Name, name, err)
}

// Package namespace empties Namespaces that are being deleted and then lets
// them go.
package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "namespace-controller"
	workers   = 4
)

// Controller empties terminating namespaces.
type Controller struct {
	api        client.Interface
	namespaces client.Resource[*corev1.Namespace]
	view       client.Informer[*corev1.Namespace]
	pods       client.Informer[*corev1.Pod]
	resources  func(context.Context) ([]client.APIResource, error)
	loop       *reconcile.Loop
}

// New returns the controller. resources lists all that can be deleted in a
// namespace; it is asked for each namespace, so that kinds defined meanwhile
// are emptied too.
func New(api client.Interface, informers *client.Informers, resources func(context.Context) ([]client.APIResource, error)) *Controller {
	c := &Controller{
		api: api, resources: resources, namespaces: client.Of(api, client.Namespaces),
		view: client.InformerOf(informers, client.Namespaces),
		pods: client.InformerOf(informers, client.Pods),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: pause}, c.sync)
	wake := func(ns *corev1.Namespace) {
		if ns.DeletionTimestamp != nil {
			c.loop.Add(client.KeyOf(ns))
		}
	}
	c.view.Handle(client.Handler[*corev1.Namespace]{Add: wake, Update: func(_, ns *corev1.Namespace) { wake(ns) }})
	// Pods take their time to stop; the rest waits for the last of them.
	c.pods.Handle(client.Handler[*corev1.Pod]{Delete: func(pod *corev1.Pod) {
		if ns, ok := c.view.Get("", pod.Namespace); ok {
			wake(ns)
		}
	}})
	return c
}

// Run empties namespaces until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.pods.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, workers)
	return nil
}

// errRemaining has a namespace looked at again while something remains in it.
var errRemaining = errors.New("content remains")

// sync takes a namespace as far as it goes:
//
//	Terminating ─► pods deleted ─► all else deleted ─► finalizer removed ─► gone
func (c *Controller) sync(ctx context.Context, key client.Key) error {
	ns, err := c.namespaces.Get(ctx, "", key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sync namespace %s: %w", key, err)
	}
	if ns.DeletionTimestamp == nil || !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return nil
	}
	report := c.empty(ctx, ns.Name)
	if err := c.writeConditions(ctx, ns, report); err != nil {
		return err
	}
	switch {
	case len(report.failures)+len(report.discovery) > 0:
		return fmt.Errorf("empty namespace %s: %w", key, errors.Join(append(report.failures, report.discovery...)...))
	case report.onlyPods:
		// Their deletions wake us; the pause is for what is lost on the way.
		c.loop.AddAfter(key, pause)
		return nil
	case len(report.remaining) > 0:
		return fmt.Errorf("empty namespace %s: %w", key, errRemaining)
	}
	return c.finalize(ctx, ns.Name)
}

// finalize removes our finalizer, with which the namespace goes.
func (c *Controller) finalize(ctx context.Context, name string) error {
	ns, err := c.namespaces.Get(ctx, "", name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finalize namespace %s: %w", name, err)
	}
	next := ns.DeepCopy()
	next.Spec.Finalizers = slices.DeleteFunc(next.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	if equality.Semantic.DeepEqual(next.Spec.Finalizers, ns.Spec.Finalizers) {
		return nil
	}
	if _, err := c.namespaces.UpdateSubresource(ctx, next, "finalize"); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("finalize namespace %s: %w", name, err)
	}
	return nil
}

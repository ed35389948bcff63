// Package endpoints keeps the core/v1 Endpoints of Services with a selector,
// the older form of EndpointSlices that clients still read.
package endpoints

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/endpointslice"
)

const (
	component      = "endpoint-controller"
	managedByLabel = "endpoints.kubernetes.io/managed-by"
	workers        = 5
)

// Controller keeps Endpoints.
type Controller struct {
	endpoints client.Resource[*corev1.Endpoints]
	view      client.Informer[*corev1.Endpoints]
	services  client.Informer[*corev1.Service]
	pods      client.Informer[*corev1.Pod]
	loop      *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		endpoints: client.Of(api, client.Endpoints),
		view:      client.InformerOf(informers, client.Endpoints),
		services:  client.InformerOf(informers, client.Services),
		pods:      client.InformerOf(informers, client.Pods),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.services.Handle(client.Handler[*corev1.Service]{
		Add:    func(s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
		Update: func(_, s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
		Delete: func(s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
	})
	c.pods.Handle(client.Handler[*corev1.Pod]{
		Add:    func(pod *corev1.Pod) { endpointslice.WakeServices(c.services, c.loop, pod) },
		Update: func(old, pod *corev1.Pod) { endpointslice.PodChanged(c.services, c.loop, old, pod) },
		Delete: func(pod *corev1.Pod) { endpointslice.WakeServices(c.services, c.loop, pod) },
	})
	c.view.Handle(client.Handler[*corev1.Endpoints]{
		Add:    func(e *corev1.Endpoints) { c.loop.Add(client.KeyOf(e)) },
		Update: func(_, e *corev1.Endpoints) { c.loop.Add(client.KeyOf(e)) },
		Delete: func(e *corev1.Endpoints) { c.loop.Add(client.KeyOf(e)) },
	})
	return c
}

// Run keeps Endpoints until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.services.Synced(), c.pods.Synced(), c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, workers)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	service, ok := c.services.Get(key.Namespace, key.Name)
	if !ok {
		return c.remove(ctx, key)
	}
	if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName || service.DeletionTimestamp != nil {
		// Somebody else writes them.
		return nil
	}
	pods := c.pods.List(key.Namespace, labels.SelectorFromValidatedSet(service.Spec.Selector))
	subsets, truncated := subsetsOf(service, pods)
	current, exists := c.view.Get(key.Namespace, key.Name)
	if !exists {
		current = &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	}
	next := current.DeepCopy()
	next.Subsets = subsets
	next.Labels = labelsOf(service)
	annotate(next, service, truncated)
	if exists && equality.Semantic.DeepEqual(next, current) {
		return nil
	}
	return c.write(ctx, next, exists)
}

func (c *Controller) write(ctx context.Context, next *corev1.Endpoints, exists bool) error {
	key := client.KeyOf(next)
	var err error
	if exists {
		_, err = c.endpoints.Update(ctx, next)
	} else {
		_, err = c.endpoints.Create(ctx, next)
	}
	switch {
	case err == nil, apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
		// The view is behind: its event wakes us.
		return nil
	}
	return fmt.Errorf("write endpoints %s: %w", key, err)
}

// remove deletes the Endpoints of a service that is gone, unless they are
// written by hand.
func (c *Controller) remove(ctx context.Context, key client.Key) error {
	e, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || e.Labels[managedByLabel] != component {
		return nil
	}
	err := c.endpoints.Delete(ctx, key.Namespace, key.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &e.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete endpoints %s: %w", key, err)
	}
	return nil
}

func labelsOf(service *corev1.Service) map[string]string {
	l := maps.Clone(service.Labels)
	if l == nil {
		l = map[string]string{}
	}
	l[managedByLabel] = component
	delete(l, corev1.IsHeadlessService)
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		l[corev1.IsHeadlessService] = ""
	}
	return l
}

func annotate(e *corev1.Endpoints, service *corev1.Service, truncated bool) {
	kept := map[string]string{}
	for key, value := range service.Annotations {
		if key != corev1.LastAppliedConfigAnnotation {
			kept[key] = value
		}
	}
	if t, ok := e.Annotations[corev1.EndpointsLastChangeTriggerTime]; ok {
		kept[corev1.EndpointsLastChangeTriggerTime] = t
	}
	if truncated {
		kept[corev1.EndpointsOverCapacity] = "truncated"
	}
	e.Annotations = kept
}

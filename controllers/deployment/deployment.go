// Package deployment rolls Deployments out over ReplicaSets: it makes a set for
// each pod template, moves replicas from old sets to the new one within
// maxSurge and maxUnavailable, keeps revisions, and tells the progress.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "deployment-controller"
	workers   = 5
)

// Controller manages all Deployments.
type Controller struct {
	deployments client.Resource[*appsv1.Deployment]
	sets        client.Resource[*appsv1.ReplicaSet]
	view        client.Informer[*appsv1.Deployment]
	setView     client.Informer[*appsv1.ReplicaSet]
	podView     client.Informer[*corev1.Pod]
	written     podcontrol.Written
	loop        *reconcile.Loop
	events      *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		deployments: client.Of(api, client.Deployments), sets: client.Of(api, client.ReplicaSets),
		view:    client.InformerOf(informers, client.Deployments),
		setView: client.InformerOf(informers, client.ReplicaSets),
		podView: client.InformerOf(informers, client.Pods),
		events:  events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	podcontrol.AddIndexes(c.setView)
	podcontrol.AddIndexes(c.podView)
	c.view.Handle(client.Handler[*appsv1.Deployment]{
		Add:    func(d *appsv1.Deployment) { c.loop.Add(client.KeyOf(d)) },
		Update: func(_, d *appsv1.Deployment) { c.loop.Add(client.KeyOf(d)) },
		Delete: func(d *appsv1.Deployment) { c.loop.Add(client.KeyOf(d)) },
	})
	c.setView.Handle(client.Handler[*appsv1.ReplicaSet]{
		Add: c.wake,
		Update: func(old, rs *appsv1.ReplicaSet) {
			c.wake(old)
			c.wake(rs)
		},
		Delete: c.wake,
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{Delete: c.podDeleted})
	return c
}

// Run manages Deployments until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.setView.Synced(), c.podView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// wake has the Deployment looked at that owns rs, or those that may adopt it.
func (c *Controller) wake(rs *appsv1.ReplicaSet) {
	if ref := metav1.GetControllerOfNoCopy(rs); ref != nil {
		if ref.Kind == client.Deployments.Kind {
			c.loop.Add(client.Key{Namespace: rs.Namespace, Name: ref.Name})
		}
		return
	}
	for _, d := range c.view.List(rs.Namespace, nil) {
		if s, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err == nil && !s.Empty() && s.Matches(labels.Set(rs.Labels)) {
			c.loop.Add(client.KeyOf(d))
		}
	}
}

// podDeleted wakes a Deployment of the Recreate strategy, which waits for the
// last old pod to go.
func (c *Controller) podDeleted(pod *corev1.Pod) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != client.ReplicaSets.Kind {
		return
	}
	if rs, ok := c.setView.Get(pod.Namespace, ref.Name); ok && metav1.GetControllerOfNoCopy(rs) != nil {
		c.wake(rs)
	}
}

// rollout is one pass over one Deployment.
type rollout struct {
	*Controller
	key client.Key
	// d is our own copy: conditions gather in its status until written.
	d *appsv1.Deployment
	// observed is the shared original.
	observed *appsv1.Deployment
	sets     []*appsv1.ReplicaSet
	// newSet has the wanted template; nil while there is none.
	newSet *appsv1.ReplicaSet
	old    []*appsv1.ReplicaSet
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	observed, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		c.written.Forget(key)
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(observed.Spec.Selector)
	if err != nil || selector.Empty() {
		slog.Warn("deployment has no usable selector", "part", component, "key", key.String(), "err", err)
		return nil
	}
	claim := podcontrol.Claim[*appsv1.ReplicaSet]{
		API: c.sets, Informer: c.setView, Owner: observed, Kind: client.Deployments.GroupVersionKind(), Selector: selector,
		Fresh: func(ctx context.Context) (client.Object, error) {
			return c.deployments.Get(ctx, key.Namespace, key.Name)
		},
	}
	sets, err := claim.Objects(ctx)
	if err != nil {
		return fmt.Errorf("sync %s: %w", key, err)
	}
	seen, err := podcontrol.Seen(&c.written, key, sets, func() ([]*appsv1.ReplicaSet, error) { return c.live(ctx, observed) })
	if err != nil || !seen {
		return err
	}
	r := &rollout{Controller: c, key: key, d: observed.DeepCopy(), observed: observed, sets: sets}
	r.newSet, r.old = split(r.d, sets)
	return errors.Join(r.step(ctx), r.writeStatus(ctx))
}

// live lists the Deployment's sets as the server has them.
func (c *Controller) live(ctx context.Context, d *appsv1.Deployment) ([]*appsv1.ReplicaSet, error) {
	sets, _, err := c.sets.List(ctx, d.Namespace, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list replica sets of %s: %w", client.KeyOf(d), err)
	}
	return slices.DeleteFunc(sets, func(rs *appsv1.ReplicaSet) bool { return !metav1.IsControlledBy(rs, d) }), nil
}

// step does what is next:
//
//	deleted ─► only status
//	paused ──► scale only, no new set
//	scaled ──► scale all sets in proportion
//	else ────► Recreate or RollingUpdate
func (r *rollout) step(ctx context.Context) error {
	if r.d.DeletionTimestamp != nil {
		return nil
	}
	r.notePause()
	if r.d.Spec.Paused || r.scaled() {
		if err := r.adoptNewSet(ctx); err != nil {
			return err
		}
		if err := r.scale(ctx); err != nil {
			return err
		}
		if r.d.Spec.Paused {
			return r.cleanup(ctx)
		}
		return nil
	}
	if r.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return r.recreate(ctx)
	}
	return r.rollingUpdate(ctx)
}

// rollingUpdate takes one step: up the new set, else down the old ones.
func (r *rollout) rollingUpdate(ctx context.Context) error {
	if err := r.ensureNewSet(ctx); err != nil || r.newSet == nil {
		return err
	}
	if changed, err := r.growNew(ctx); err != nil || changed {
		return err
	}
	if changed, err := r.shrinkOld(ctx); err != nil || changed {
		return err
	}
	return r.cleanup(ctx)
}

// recreate brings all old pods down before it brings new ones up.
func (r *rollout) recreate(ctx context.Context) error {
	changed := false
	for _, rs := range r.old {
		if replicas(rs) > 0 {
			if _, err := r.resize(ctx, rs, 0); err != nil {
				return err
			}
			changed = true
		}
	}
	if changed || r.oldPodsRun() {
		return nil
	}
	if err := r.ensureNewSet(ctx); err != nil || r.newSet == nil {
		return err
	}
	if _, err := r.resize(ctx, r.newSet, wantedReplicas(r.d)); err != nil {
		return err
	}
	return r.cleanup(ctx)
}

func (r *rollout) oldPodsRun() bool {
	for _, rs := range r.old {
		for _, pod := range podcontrol.Owned(r.podView, rs) {
			if !podcontrol.Finished(pod) {
				return true
			}
		}
	}
	return false
}

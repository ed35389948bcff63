// Package statefulset keeps the pods of StatefulSets: numbered, each with its
// own name and volumes, made and taken in order.
package statefulset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/history"
	"minke/controllers/podcontrol"
)

const (
	component = "statefulset-controller"
	workers   = 5
)

// Controller manages all StatefulSets.
type Controller struct {
	sets         client.Resource[*appsv1.StatefulSet]
	pods         client.Resource[*corev1.Pod]
	claims       client.Resource[*corev1.PersistentVolumeClaim]
	revisions    client.Resource[*appsv1.ControllerRevision]
	view         client.Informer[*appsv1.StatefulSet]
	podView      client.Informer[*corev1.Pod]
	claimView    client.Informer[*corev1.PersistentVolumeClaim]
	revisionView client.Informer[*appsv1.ControllerRevision]
	written      podcontrol.Written
	loop         *reconcile.Loop
	events       *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		sets: client.Of(api, client.StatefulSets), pods: client.Of(api, client.Pods),
		claims: client.Of(api, client.PersistentVolumeClaims), revisions: client.Of(api, client.ControllerRevisions),
		view: client.InformerOf(informers, client.StatefulSets), podView: client.InformerOf(informers, client.Pods),
		claimView:    client.InformerOf(informers, client.PersistentVolumeClaims),
		revisionView: client.InformerOf(informers, client.ControllerRevisions),
		events:       events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	podcontrol.AddIndexes(c.podView)
	podcontrol.AddIndexes(c.revisionView)
	c.view.Handle(client.Handler[*appsv1.StatefulSet]{
		Add:    func(set *appsv1.StatefulSet) { c.loop.Add(client.KeyOf(set)) },
		Update: func(_, set *appsv1.StatefulSet) { c.loop.Add(client.KeyOf(set)) },
		Delete: func(set *appsv1.StatefulSet) { c.loop.Add(client.KeyOf(set)) },
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{
		Add: c.wake, Delete: c.wake,
		Update: func(old, pod *corev1.Pod) {
			c.wake(old)
			c.wake(pod)
		},
	})
	c.claimView.Handle(client.Handler[*corev1.PersistentVolumeClaim]{Delete: c.wakeForClaim})
	return c
}

// Run manages StatefulSets until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.podView.Synced(), c.claimView.Synced(), c.revisionView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

func (c *Controller) wake(pod *corev1.Pod) {
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil {
		if ref.Kind == client.StatefulSets.Kind {
			c.loop.Add(client.Key{Namespace: pod.Namespace, Name: ref.Name})
		}
		return
	}
	for _, set := range c.view.List(pod.Namespace, nil) {
		if s, err := metav1.LabelSelectorAsSelector(set.Spec.Selector); err == nil && !s.Empty() && s.Matches(labels.Set(pod.Labels)) {
			c.loop.Add(client.KeyOf(set))
		}
	}
}

// pass is one look at one StatefulSet.
type pass struct {
	*Controller
	key client.Key
	set *appsv1.StatefulSet
	// current and update are the revisions that pods come from; they are the
	// same when no rollout is under way.
	current, update *appsv1.ControllerRevision
	// members are the pods by ordinal, nil where one is missing; condemned
	// are those beyond, the highest first.
	members   []*corev1.Pod
	condemned []*corev1.Pod
	now       time.Time
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	set, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		c.written.Forget(key)
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() {
		slog.Warn("stateful set has no usable selector", "part", component, "key", key.String(), "err", err)
		return nil
	}
	seen, err := podcontrol.Seen(&c.written, key, []*appsv1.StatefulSet{set}, func() ([]*appsv1.StatefulSet, error) {
		live, err := c.sets.Get(ctx, key.Namespace, key.Name)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return []*appsv1.StatefulSet{live}, err
	})
	if err != nil || !seen {
		return err
	}
	claim := podcontrol.Claim[*corev1.Pod]{
		API: c.pods, Informer: c.podView, Owner: set, Kind: client.StatefulSets.GroupVersionKind(), Selector: selector,
		Fresh:     func(ctx context.Context) (client.Object, error) { return c.sets.Get(ctx, key.Namespace, key.Name) },
		Adoptable: func(pod *corev1.Pod) bool { return ordinalOf(set, pod) >= 0 },
	}
	pods, err := claim.Objects(ctx)
	if err != nil {
		return fmt.Errorf("sync %s: %w", key, err)
	}
	if set.DeletionTimestamp != nil {
		return nil
	}
	existing := podcontrol.Owned(c.revisionView, set)
	update, err := history.Ensure(ctx, c.revisions, history.Owner{
		Object: set, Kind: client.StatefulSets.GroupVersionKind(), Template: &set.Spec.Template, Collisions: set.Status.CollisionCount,
	}, existing)
	if errors.Is(err, history.ErrCollision) {
		return c.collided(ctx, set)
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	if err != nil {
		return err
	}
	p := &pass{Controller: c, key: key, set: set, update: update, current: update, now: time.Now()}
	for _, r := range existing {
		if r.Name == set.Status.CurrentRevision {
			p.current = r
		}
	}
	p.group(pods)
	failed := p.step(ctx)
	used := map[string]bool{p.current.Name: true, p.update.Name: true}
	for _, pod := range pods {
		used[pod.Labels[history.HashLabel]] = true
	}
	return errors.Join(failed, p.writeStatus(ctx, pods), history.Truncate(ctx, c.revisions, existing, set.Spec.RevisionHistoryLimit, used))
}

func (c *Controller) collided(ctx context.Context, set *appsv1.StatefulSet) error {
	next := set.DeepCopy()
	count := int32(1)
	if set.Status.CollisionCount != nil {
		count += *set.Status.CollisionCount
	}
	next.Status.CollisionCount = &count
	_, err := c.sets.UpdateStatus(ctx, next)
	return err
}

// Package daemonset keeps one pod of each DaemonSet on every node that it
// selects.
package daemonset

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	component = "daemonset-controller"
	workers   = 2
)

// Controller manages all DaemonSets.
type Controller struct {
	sets         client.Resource[*appsv1.DaemonSet]
	pods         client.Resource[*corev1.Pod]
	revisions    client.Resource[*appsv1.ControllerRevision]
	view         client.Informer[*appsv1.DaemonSet]
	podView      client.Informer[*corev1.Pod]
	nodeView     client.Informer[*corev1.Node]
	revisionView client.Informer[*appsv1.ControllerRevision]
	expects      podcontrol.Expectations
	loop         *reconcile.Loop
	events       *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		sets: client.Of(api, client.DaemonSets), pods: client.Of(api, client.Pods), revisions: client.Of(api, client.ControllerRevisions),
		view: client.InformerOf(informers, client.DaemonSets), podView: client.InformerOf(informers, client.Pods),
		nodeView:     client.InformerOf(informers, client.Nodes),
		revisionView: client.InformerOf(informers, client.ControllerRevisions),
		events:       events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	podcontrol.AddIndexes(c.podView)
	podcontrol.AddIndexes(c.revisionView)
	c.view.Handle(client.Handler[*appsv1.DaemonSet]{
		Add:    func(ds *appsv1.DaemonSet) { c.loop.Add(client.KeyOf(ds)) },
		Update: func(_, ds *appsv1.DaemonSet) { c.loop.Add(client.KeyOf(ds)) },
		Delete: func(ds *appsv1.DaemonSet) { c.loop.Add(client.KeyOf(ds)) },
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{Add: c.podAdded, Update: c.podChanged, Delete: c.podDeleted})
	c.nodeView.Handle(client.Handler[*corev1.Node]{
		Add: func(*corev1.Node) { c.wakeAll() },
		Update: func(old, node *corev1.Node) {
			if nodeMatters(old, node) {
				c.wakeAll()
			}
		},
		Delete: func(*corev1.Node) { c.wakeAll() },
	})
	return c
}

// nodeMatters tells whether a change of a node may change where daemons run.
func nodeMatters(old, node *corev1.Node) bool {
	return !equality.Semantic.DeepEqual(old.Labels, node.Labels) || !equality.Semantic.DeepEqual(old.Spec.Taints, node.Spec.Taints)
}

// Run manages DaemonSets until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.podView.Synced(), c.nodeView.Synced(), c.revisionView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

func (c *Controller) wakeAll() {
	for _, ds := range c.view.List("", nil) {
		c.loop.Add(client.KeyOf(ds))
	}
}

func ownerOf(pod *corev1.Pod) (client.Key, bool) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != client.DaemonSets.Kind {
		return client.Key{}, false
	}
	return client.Key{Namespace: pod.Namespace, Name: ref.Name}, true
}

func (c *Controller) podAdded(pod *corev1.Pod) {
	if owner, ok := ownerOf(pod); ok {
		c.expects.Created(owner, 1)
		c.loop.Add(owner)
		return
	}
	if metav1.GetControllerOfNoCopy(pod) != nil {
		return
	}
	for _, ds := range c.view.List(pod.Namespace, nil) {
		if s, err := metav1.LabelSelectorAsSelector(ds.Spec.Selector); err == nil && !s.Empty() && s.Matches(labels.Set(pod.Labels)) {
			c.loop.Add(client.KeyOf(ds))
		}
	}
}

func (c *Controller) podChanged(old, pod *corev1.Pod) {
	if owner, ok := ownerOf(old); ok {
		c.loop.Add(owner)
	}
	if owner, ok := ownerOf(pod); ok {
		if pod.DeletionTimestamp != nil {
			c.expects.Deleted(owner, pod.UID)
		}
		c.loop.Add(owner)
	} else {
		c.podAdded(pod)
	}
}

func (c *Controller) podDeleted(pod *corev1.Pod) {
	if owner, ok := ownerOf(pod); ok {
		c.expects.Deleted(owner, pod.UID)
		c.loop.Add(owner)
	}
}

// pass is one look at one DaemonSet.
type pass struct {
	*Controller
	key client.Key
	ds  *appsv1.DaemonSet
	// hash is the current template's.
	hash   string
	nodes  []*corev1.Node
	byNode map[string][]*corev1.Pod
	now    time.Time
	// places remembers what was found out about nodes.
	places map[string]struct{ run, stay bool }
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	ds, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		c.expects.Forget(key)
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(ds.Spec.Selector)
	if err != nil || selector.Empty() {
		slog.Warn("daemon set has no usable selector", "part", component, "key", key.String(), "err", err)
		return nil
	}
	if ds.DeletionTimestamp != nil {
		return nil
	}
	met := c.expects.Met(key)
	claim := podcontrol.Claim[*corev1.Pod]{
		API: c.pods, Informer: c.podView, Owner: ds, Kind: client.DaemonSets.GroupVersionKind(), Selector: selector,
		Fresh: func(ctx context.Context) (client.Object, error) { return c.sets.Get(ctx, key.Namespace, key.Name) },
	}
	pods, err := claim.Objects(ctx)
	if err != nil {
		return fmt.Errorf("sync %s: %w", key, err)
	}
	existing := podcontrol.Owned(c.revisionView, ds)
	revision, err := history.Ensure(ctx, c.revisions, history.Owner{
		Object: ds, Kind: client.DaemonSets.GroupVersionKind(), Template: &ds.Spec.Template, Collisions: ds.Status.CollisionCount,
	}, existing)
	if errors.Is(err, history.ErrCollision) {
		return c.collided(ctx, ds)
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	if err != nil {
		return err
	}
	p := &pass{Controller: c, key: key, ds: ds, hash: revision.Labels[history.HashLabel], nodes: c.nodeView.List("", nil), now: time.Now(), places: map[string]struct{ run, stay bool }{}}
	p.group(pods)
	var failed error
	if met {
		failed = p.manage(ctx)
	}
	used := map[string]bool{p.hash: true}
	for _, pod := range pods {
		used[pod.Labels[history.HashLabel]] = true
	}
	return errors.Join(failed, p.writeStatus(ctx), history.Truncate(ctx, c.revisions, existing, ds.Spec.RevisionHistoryLimit, used))
}

func (c *Controller) collided(ctx context.Context, ds *appsv1.DaemonSet) error {
	next := ds.DeepCopy()
	count := int32(1)
	if ds.Status.CollisionCount != nil {
		count += *ds.Status.CollisionCount
	}
	next.Status.CollisionCount = &count
	_, err := c.sets.UpdateStatus(ctx, next)
	return err
}

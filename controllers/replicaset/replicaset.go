// Package replicaset keeps the wanted number of pods for each ReplicaSet and,
// by the same core, for each ReplicationController.
package replicaset

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

// burst bounds the pods created or deleted in one pass.
const burst = 500

// workers handle different sets at the same time.
const workers = 5

// Controller manages the sets of one kind.
type Controller[T client.Object] struct {
	kind      Kind[T]
	sets      client.Resource[T]
	pods      client.Resource[*corev1.Pod]
	setView   client.Informer[T]
	podView   client.Informer[*corev1.Pod]
	expects   podcontrol.Expectations
	loop      *reconcile.Loop
	events    *events.Recorder
	component string
}

// New returns a controller for one kind: ReplicaSets or ReplicationControllers.
func New[T client.Object](api client.Interface, informers *client.Informers, kind Kind[T]) *Controller[T] {
	c := &Controller[T]{
		kind: kind, sets: client.Of(api, kind.Kind), pods: client.Of(api, client.Pods),
		setView: client.InformerOf(informers, kind.Kind), podView: client.InformerOf(informers, client.Pods),
		component: kind.Component, events: events.NewRecorder(api, kind.Component, ""),
	}
	c.loop = reconcile.New(kind.Component, reconcile.Options{}, c.sync)
	podcontrol.AddIndexes(c.podView)
	c.setView.AddIndex(podcontrol.ByController, func(set T) []string {
		if ref := metav1.GetControllerOfNoCopy(set); ref != nil {
			return []string{string(ref.UID)}
		}
		return nil
	})
	c.setView.Handle(client.Handler[T]{
		Add:    func(set T) { c.loop.Add(client.KeyOf(set)) },
		Update: func(_, set T) { c.loop.Add(client.KeyOf(set)) },
		Delete: func(set T) {
			c.expects.Forget(client.KeyOf(set))
			c.loop.Add(client.KeyOf(set))
		},
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{Add: c.podAdded, Update: c.podChanged, Delete: c.podDeleted})
	return c
}

// Run manages sets until ctx ends.
func (c *Controller[T]) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.setView.Synced(), c.podView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", c.component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// ownerOf returns the set that controls the pod, if it is one of ours.
func (c *Controller[T]) ownerOf(pod *corev1.Pod) (client.Key, bool) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != c.kind.Kind.Kind || ref.APIVersion != c.kind.Resource.GroupVersion().String() {
		return client.Key{}, false
	}
	return client.Key{Namespace: pod.Namespace, Name: ref.Name}, true
}

func (c *Controller[T]) podAdded(pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil {
		c.podDeleted(pod)
		return
	}
	if owner, ok := c.ownerOf(pod); ok {
		c.expects.Created(owner, 1)
		c.loop.Add(owner)
		return
	}
	c.wakeMatching(pod)
}

func (c *Controller[T]) podChanged(old, pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil {
		c.podDeleted(pod)
		return
	}
	before, had := c.ownerOf(old)
	owner, has := c.ownerOf(pod)
	if had && (!has || before != owner) {
		c.loop.Add(before)
	}
	if has {
		c.loop.Add(owner)
	} else {
		c.wakeMatching(pod)
	}
}

func (c *Controller[T]) podDeleted(pod *corev1.Pod) {
	if owner, ok := c.ownerOf(pod); ok {
		c.expects.Deleted(owner, pod.UID)
		c.loop.Add(owner)
	}
}

// wakeMatching wakes the sets that may adopt an orphan.
func (c *Controller[T]) wakeMatching(pod *corev1.Pod) {
	if metav1.GetControllerOfNoCopy(pod) != nil {
		return
	}
	for _, set := range c.setView.List(pod.Namespace, nil) {
		wanted, err := c.kind.Read(set)
		if err == nil && !wanted.Selector.Empty() && wanted.Selector.Matches(labels.Set(pod.Labels)) {
			c.loop.Add(client.KeyOf(set))
		}
	}
}

// sync brings one set from observed to wanted.
func (c *Controller[T]) sync(ctx context.Context, key client.Key) error {
	set, ok := c.setView.Get(key.Namespace, key.Name)
	if !ok {
		c.expects.Forget(key)
		return nil
	}
	wanted, err := c.kind.Read(set)
	if err != nil {
		// Only another spec can mend it: that wakes us.
		slog.Warn("set has no usable selector", "part", c.component, "key", key.String(), "err", err)
		return nil
	}
	// Asked before the pods are read: what arrives between is then seen.
	met := c.expects.Met(key)
	claim := podcontrol.Claim[*corev1.Pod]{
		API: c.pods, Informer: c.podView, Owner: set, Kind: c.kind.GroupVersionKind(), Selector: wanted.Selector,
		Adoptable: podcontrol.Active,
		Fresh:     func(ctx context.Context) (client.Object, error) { return c.sets.Get(ctx, key.Namespace, key.Name) },
	}
	pods, err := claim.Objects(ctx)
	if err != nil {
		return fmt.Errorf("sync %s: %w", key, err)
	}
	var failed error
	active := filter(pods, podcontrol.Active)
	if met && set.GetDeletionTimestamp() == nil {
		active, failed = c.manage(ctx, set, wanted, active)
	}
	status := c.status(set, wanted, active, filter(pods, terminating), failed)
	if err := c.writeStatus(ctx, set, wanted, status); err != nil {
		return err
	}
	c.wakeWhenAvailable(key, wanted, active)
	return failed
}

func filter(pods []*corev1.Pod, keep func(*corev1.Pod) bool) []*corev1.Pod {
	var kept []*corev1.Pod
	for _, pod := range pods {
		if keep(pod) {
			kept = append(kept, pod)
		}
	}
	return kept
}

func terminating(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && !podcontrol.Finished(pod)
}

// wakeWhenAvailable looks again when the next ready pod becomes available.
func (c *Controller[T]) wakeWhenAvailable(key client.Key, wanted Wanted, pods []*corev1.Pod) {
	if wanted.MinReadySeconds == 0 {
		return
	}
	soonest := time.Duration(0)
	for _, pod := range pods {
		if _, left := podcontrol.Available(pod, wanted.MinReadySeconds, time.Now()); left > 0 && (soonest == 0 || left < soonest) {
			soonest = left
		}
	}
	if soonest > 0 {
		c.loop.AddAfter(key, soonest)
	}
}

// uidOf is a precondition on exactly this pod.
func uidOf(pod *corev1.Pod) *types.UID { return &pod.UID }

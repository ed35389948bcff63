// Package disruption tells for each PodDisruptionBudget how many of its pods
// may be evicted now.
package disruption

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "disruption-controller"
	// evictionPause is how long an eviction that was granted may take to show
	// as a deletion, before the pod counts as healthy again.
	evictionPause = 2 * time.Minute
)

// Controller keeps the status of budgets.
type Controller struct {
	budgets     client.Resource[*policyv1.PodDisruptionBudget]
	view        client.Informer[*policyv1.PodDisruptionBudget]
	pods        client.Informer[*corev1.Pod]
	sets        client.Informer[*appsv1.ReplicaSet]
	deployments client.Informer[*appsv1.Deployment]
	stateful    client.Informer[*appsv1.StatefulSet]
	rcs         client.Informer[*corev1.ReplicationController]
	loop        *reconcile.Loop
	events      *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		budgets: client.Of(api, client.PodDisruptionBudgets), view: client.InformerOf(informers, client.PodDisruptionBudgets),
		pods: client.InformerOf(informers, client.Pods), sets: client.InformerOf(informers, client.ReplicaSets),
		deployments: client.InformerOf(informers, client.Deployments), stateful: client.InformerOf(informers, client.StatefulSets),
		rcs: client.InformerOf(informers, client.ReplicationControllers), events: events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.view.Handle(client.Handler[*policyv1.PodDisruptionBudget]{
		Add:    func(b *policyv1.PodDisruptionBudget) { c.loop.Add(client.KeyOf(b)) },
		Update: func(_, b *policyv1.PodDisruptionBudget) { c.loop.Add(client.KeyOf(b)) },
	})
	c.pods.Handle(client.Handler[*corev1.Pod]{
		Add: c.wake, Delete: c.wake,
		Update: func(old, pod *corev1.Pod) {
			c.wake(old)
			c.wake(pod)
		},
	})
	return c
}

// Run keeps budgets until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.pods.Synced(), c.sets.Synced(), c.deployments.Synced(), c.stateful.Synced(), c.rcs.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, 2)
	return nil
}

func (c *Controller) wake(pod *corev1.Pod) {
	for _, b := range c.view.List(pod.Namespace, nil) {
		if s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector); err == nil && s.Matches(labels.Set(pod.Labels)) {
			c.loop.Add(client.KeyOf(b))
		}
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	budget, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	next := budget.DeepCopy()
	if err := c.compute(next); err != nil {
		// Until it can be told, nothing may be evicted.
		next.Status.DisruptionsAllowed = 0
		next.Status.ObservedGeneration = budget.Generation
		meta.SetStatusCondition(&next.Status.Conditions, metav1.Condition{
			Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
			Message: err.Error(), ObservedGeneration: budget.Generation,
		})
		c.events.Event(budget, corev1.EventTypeWarning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %v", err)
	}
	if equality.Semantic.DeepEqual(budget.Status, next.Status) {
		return nil
	}
	if _, err := c.budgets.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of budget %s: %w", key, err)
	}
	return nil
}

// compute fills in the budget's status.
func (c *Controller) compute(b *policyv1.PodDisruptionBudget) error {
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return err
	}
	pods := slices.DeleteFunc(c.pods.List(b.Namespace, selector), podcontrol.Finished)
	expected, desired, err := c.wanted(b, pods)
	if err != nil {
		return err
	}
	now := time.Now()
	disrupted := map[string]metav1.Time{}
	healthy := int32(0)
	for _, pod := range pods {
		at, pending := b.Status.DisruptedPods[pod.Name]
		switch {
		case pod.DeletionTimestamp != nil:
		case pending && now.Before(at.Add(evictionPause)):
			disrupted[pod.Name] = at
			c.loop.AddAfter(client.KeyOf(b), at.Add(evictionPause).Sub(now))
		case podcontrol.Ready(pod):
			healthy++
		}
	}
	s := &b.Status
	s.ExpectedPods, s.DesiredHealthy, s.CurrentHealthy = expected, desired, healthy
	s.DisruptionsAllowed = max(0, healthy-desired)
	if expected == 0 {
		s.DisruptionsAllowed = 0
	}
	s.DisruptedPods = disrupted
	s.ObservedGeneration = b.Generation
	condition := metav1.Condition{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionTrue, Reason: policyv1.SufficientPodsReason, ObservedGeneration: b.Generation}
	if s.DisruptionsAllowed == 0 {
		condition.Status, condition.Reason = metav1.ConditionFalse, policyv1.InsufficientPodsReason
	}
	meta.SetStatusCondition(&s.Conditions, condition)
	return nil
}

// wanted is how many pods there should be, and how many of them healthy.
func (c *Controller) wanted(b *policyv1.PodDisruptionBudget, pods []*corev1.Pod) (expected, desired int32, err error) {
	if least := b.Spec.MinAvailable; least != nil && least.Type == intstr.Int {
		return int32(len(pods)), least.IntVal, nil
	}
	if b.Spec.MaxUnavailable == nil && b.Spec.MinAvailable == nil {
		return int32(len(pods)), 0, nil
	}
	if expected, err = c.scale(pods); err != nil {
		return 0, 0, err
	}
	if b.Spec.MinAvailable != nil {
		n, err := intstr.GetScaledValueFromIntOrPercent(b.Spec.MinAvailable, int(expected), true)
		return expected, int32(n), err
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(b.Spec.MaxUnavailable, int(expected), true)
	return expected, max(0, expected-int32(n)), err
}

// scale adds up the wanted sizes of all controllers that own the pods.
func (c *Controller) scale(pods []*corev1.Pod) (int32, error) {
	sizes := map[string]int32{}
	for _, pod := range pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if ref == nil {
			continue // a bare pod is nobody's to replace
		}
		uid, size, err := c.sizeOf(pod.Namespace, ref)
		if err != nil {
			return 0, fmt.Errorf("pod %s: %w", pod.Name, err)
		}
		sizes[uid] = size
	}
	total := int32(0)
	for _, size := range sizes {
		total += size
	}
	return total, nil
}

func (c *Controller) sizeOf(namespace string, ref *metav1.OwnerReference) (string, int32, error) {
	switch ref.Kind {
	case client.ReplicaSets.Kind:
		if rs, ok := c.sets.Get(namespace, ref.Name); ok && rs.UID == ref.UID {
			if owner := metav1.GetControllerOfNoCopy(rs); owner != nil && owner.Kind == client.Deployments.Kind {
				return c.sizeOf(namespace, owner)
			}
			return string(ref.UID), size(rs.Spec.Replicas), nil
		}
	case client.Deployments.Kind:
		if d, ok := c.deployments.Get(namespace, ref.Name); ok && d.UID == ref.UID {
			return string(ref.UID), size(d.Spec.Replicas), nil
		}
	case client.StatefulSets.Kind:
		if set, ok := c.stateful.Get(namespace, ref.Name); ok && set.UID == ref.UID {
			return string(ref.UID), size(set.Spec.Replicas), nil
		}
	case client.ReplicationControllers.Kind:
		if rc, ok := c.rcs.Get(namespace, ref.Name); ok && rc.UID == ref.UID {
			return string(ref.UID), size(rc.Spec.Replicas), nil
		}
	default:
		return "", 0, fmt.Errorf("%s does not implement the scale subresource", ref.Kind)
	}
	return "", 0, fmt.Errorf("its controller %s %s is not there", ref.Kind, ref.Name)
}

func size(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

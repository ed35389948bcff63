// Package tainteviction deletes pods from nodes whose NoExecute taints they do
// not tolerate, or do not tolerate any longer.
package tainteviction

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "taint-eviction-controller"
	workers   = 8
)

// Controller evicts pods.
type Controller struct {
	pods     client.Resource[*corev1.Pod]
	podView  client.Informer[*corev1.Pod]
	nodeView client.Informer[*corev1.Node]
	loop     *reconcile.Loop
	events   *events.Recorder
	seen     sightings
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		pods: client.Of(api, client.Pods), podView: client.InformerOf(informers, client.Pods),
		nodeView: client.InformerOf(informers, client.Nodes), events: events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.podView.AddIndex("node", func(pod *corev1.Pod) []string { return []string{pod.Spec.NodeName} })
	look := func(pod *corev1.Pod) {
		if node, ok := c.nodeView.Get("", pod.Spec.NodeName); ok && len(executing(node)) > 0 {
			c.loop.Add(client.KeyOf(pod))
		}
	}
	c.podView.Handle(client.Handler[*corev1.Pod]{Add: look, Update: func(_, pod *corev1.Pod) { look(pod) }})
	c.nodeView.Handle(client.Handler[*corev1.Node]{
		Add: func(node *corev1.Node) { c.nodeChanged(&corev1.Node{}, node) }, Update: c.nodeChanged,
		Delete: func(node *corev1.Node) { c.seen.keep(node.Name, nil) },
	})
	return c
}

// Run evicts until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.podView.Synced(), c.nodeView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// executing returns the node's NoExecute taints.
func executing(node *corev1.Node) []corev1.Taint {
	var taints []corev1.Taint
	for _, t := range node.Spec.Taints {
		if t.Effect == corev1.TaintEffectNoExecute {
			taints = append(taints, t)
		}
	}
	return taints
}

func (c *Controller) nodeChanged(old, node *corev1.Node) {
	before, after := executing(old), executing(node)
	c.seen.keep(node.Name, after)
	if len(after) == 0 || slices.EqualFunc(before, after, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) && a.TimeAdded.Equal(b.TimeAdded) }) {
		return
	}
	for _, pod := range c.podView.Indexed("node", node.Name) {
		c.loop.Add(client.KeyOf(pod))
	}
}

// deadline tells until when the pod may stay; bounded is false when it may
// stay for good. A taint without a time counts from now.
func deadline(pod *corev1.Pod, taints []corev1.Taint, now time.Time) (until time.Time, bounded bool) {
	for _, t := range taints {
		stay, forever := toleration(pod, &t)
		if forever {
			continue
		}
		since := now
		if t.TimeAdded != nil {
			since = t.TimeAdded.Time
		}
		// A pod that came later has its own full time.
		if pod.CreationTimestamp.After(since) {
			since = pod.CreationTimestamp.Time
		}
		if end := since.Add(stay); !bounded || end.Before(until) {
			until, bounded = end, true
		}
	}
	return until, bounded
}

// toleration is how long the pod bears the taint: the shortest of all
// tolerations that match, zero if none does.
func toleration(pod *corev1.Pod, taint *corev1.Taint) (stay time.Duration, forever bool) {
	found := false
	for _, t := range pod.Spec.Tolerations {
		if !tolerates(&t, taint) {
			continue
		}
		if t.TolerationSeconds == nil {
			if !found {
				forever = true
			}
			found = true
			continue
		}
		seconds := time.Duration(max(0, *t.TolerationSeconds)) * time.Second
		if !found || forever || seconds < stay {
			stay = seconds
		}
		found, forever = true, false
	}
	return stay, forever
}

func tolerates(t *corev1.Toleration, taint *corev1.Taint) bool {
	if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
		return false
	}
	switch t.Operator {
	case corev1.TolerationOpExists:
		return true
	case "", corev1.TolerationOpEqual:
		return t.Key != "" && t.Value == taint.Value
	}
	return false
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	pod, ok := c.podView.Get(key.Namespace, key.Name)
	if !ok || pod.DeletionTimestamp != nil || podcontrol.Finished(pod) {
		return nil
	}
	node, ok := c.nodeView.Get("", pod.Spec.NodeName)
	if !ok {
		return nil
	}
	now := time.Now()
	until, bounded := deadline(pod, c.seen.date(node.Name, executing(node), now), now)
	if !bounded {
		return nil
	}
	if left := time.Until(until); left > 0 {
		c.loop.AddAfter(key, left)
		return nil
	}
	return c.evict(ctx, pod)
}

func (c *Controller) evict(ctx context.Context, pod *corev1.Pod) error {
	key := client.KeyOf(pod)
	marked := pod.DeepCopy()
	condition := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
		Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint",
	}
	marked.Status.Conditions = append(slices.DeleteFunc(marked.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type }), condition)
	if _, err := c.pods.UpdateStatus(ctx, marked); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("mark pod %s: %w", key, err)
	}
	c.events.Event(pod, corev1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s", key)
	err := c.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("evict pod %s: %w", key, err)
	}
	return nil
}

// Package podgc deletes pods that nobody else will: those of nodes that are
// gone, those that ended when there are too many, and those deleted before a
// node had them.
package podgc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "pod-garbage-collector"
	// quarantine is how long a node must be missing before its pods are lost:
	// a node may be about to be registered again.
	quarantine = 40 * time.Second
	// DefaultTerminatedThreshold is how many ended pods may lie around.
	DefaultTerminatedThreshold = 12500
)

// Controller deletes such pods.
type Controller struct {
	threshold int
	pods      client.Resource[*corev1.Pod]
	nodes     client.Resource[*corev1.Node]
	podView   client.Informer[*corev1.Pod]
	nodeView  client.Informer[*corev1.Node]
	loop      *reconcile.Loop
}

// all is the key of the pass over ended pods; every other key is a node's.
var all = client.Key{Namespace: "all"}

// New returns the controller. A threshold of zero lets ended pods lie.
func New(api client.Interface, informers *client.Informers, threshold int) *Controller {
	c := &Controller{
		threshold: threshold, pods: client.Of(api, client.Pods), nodes: client.Of(api, client.Nodes),
		podView: client.InformerOf(informers, client.Pods), nodeView: client.InformerOf(informers, client.Nodes),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.podView.AddIndex("node", func(pod *corev1.Pod) []string { return []string{pod.Spec.NodeName} })
	c.podView.Handle(client.Handler[*corev1.Pod]{Add: c.look, Update: func(_, pod *corev1.Pod) { c.look(pod) }})
	c.nodeView.Handle(client.Handler[*corev1.Node]{
		Delete: func(node *corev1.Node) { c.loop.AddAfter(client.KeyOf(node), quarantine) },
		Update: func(old, node *corev1.Node) {
			if outOfService(node) && !outOfService(old) {
				c.loop.Add(client.KeyOf(node))
			}
		},
	})
	return c
}

// Run deletes until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.podView.Synced(), c.nodeView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	for _, pod := range c.podView.List("", nil) {
		c.look(pod)
	}
	c.loop.Run(ctx, 1)
	return nil
}

// look wakes the pass that may concern the pod.
func (c *Controller) look(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		if pod.DeletionTimestamp != nil {
			c.loop.Add(client.Key{})
		}
	} else if node, ok := c.nodeView.Get("", pod.Spec.NodeName); !ok {
		c.loop.AddAfter(client.Key{Name: pod.Spec.NodeName}, quarantine)
	} else if pod.DeletionTimestamp != nil && outOfService(node) {
		c.loop.Add(client.KeyOf(node))
	}
	if c.threshold > 0 && podcontrol.Finished(pod) {
		c.loop.AddAfter(all, time.Second)
	}
}

func outOfService(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService })
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	if key == all {
		return c.collectEnded(ctx)
	}
	if key.Name == "" {
		return c.collect(ctx, "", func(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil }, nil)
	}
	if node, ok := c.nodeView.Get("", key.Name); ok {
		if !outOfService(node) {
			return nil
		}
		lost := lost("DeletionByPodGC", "PodGC: node no longer running")
		return c.collect(ctx, key.Name, func(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil }, lost)
	}
	// Only the server can say that there is no such node.
	if _, err := c.nodes.Get(ctx, "", key.Name); !apierrors.IsNotFound(err) {
		return err
	}
	return c.collect(ctx, key.Name, func(*corev1.Pod) bool { return true }, lost("DeletionByPodGC", "PodGC: node no longer exists"))
}

func lost(reason, message string) *corev1.PodCondition {
	return &corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: metav1.Now(),
	}
}

// collect deletes the pods of a node that matter, marking them as failed before,
// with the condition if there is one, so that their controllers know why.
func (c *Controller) collect(ctx context.Context, node string, matter func(*corev1.Pod) bool, condition *corev1.PodCondition) error {
	var errs []error
	for _, pod := range c.podView.Indexed("node", node) {
		if !matter(pod) {
			continue
		}
		if !podcontrol.Finished(pod) {
			failed := pod.DeepCopy()
			failed.Status.Phase = corev1.PodFailed
			if condition != nil {
				failed.Status.Conditions = append(slices.DeleteFunc(failed.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type }), *condition)
			}
			if _, err := c.pods.UpdateStatus(ctx, failed); err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("mark pod %s as failed: %w", client.KeyOf(pod), err))
				continue
			}
		}
		errs = append(errs, c.remove(ctx, pod))
	}
	return errors.Join(errs...)
}

func (c *Controller) collectEnded(ctx context.Context) error {
	var ended []*corev1.Pod
	for _, pod := range c.podView.List("", nil) {
		if podcontrol.Finished(pod) {
			ended = append(ended, pod)
		}
	}
	slices.SortFunc(ended, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	var errs []error
	for _, pod := range ended[:max(0, len(ended)-c.threshold)] {
		errs = append(errs, c.remove(ctx, pod))
	}
	return errors.Join(errs...)
}

// remove deletes the pod at once: no kubelet will confirm its end.
func (c *Controller) remove(ctx context.Context, pod *corev1.Pod) error {
	zero := int64(0)
	err := c.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod %s: %w", client.KeyOf(pod), err)
	}
	return nil
}

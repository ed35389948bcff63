package nodelifecycle

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// byCondition lists the taints that conditions bring, besides Ready's.
var byCondition = []struct {
	condition corev1.NodeConditionType
	taint     string
}{
	{corev1.NodeMemoryPressure, corev1.TaintNodeMemoryPressure},
	{corev1.NodeDiskPressure, corev1.TaintNodeDiskPressure},
	{corev1.NodePIDPressure, corev1.TaintNodePIDPressure},
	{corev1.NodeNetworkUnavailable, corev1.TaintNodeNetworkUnavailable},
}

// ours are the keys of taints that we add and remove.
func ours(t corev1.Taint) bool {
	switch t.Key {
	case corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable:
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	case corev1.TaintNodeUnschedulable:
		return t.Effect == corev1.TaintEffectNoSchedule
	}
	for _, b := range byCondition {
		if b.taint == t.Key {
			return t.Effect == corev1.TaintEffectNoSchedule
		}
	}
	return false
}

// same matches taints of the same key and effect.
func same(t corev1.Taint) func(corev1.Taint) bool {
	return func(other corev1.Taint) bool { return t.Key == other.Key && t.Effect == other.Effect }
}

// wantedTaints are those that the node's state asks for.
func wantedTaints(node *corev1.Node) []corev1.Taint {
	var wanted []corev1.Taint
	add := func(key string, effect corev1.TaintEffect) {
		wanted = append(wanted, corev1.Taint{Key: key, Effect: effect})
	}
	switch ready(node) {
	case corev1.ConditionFalse:
		add(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)
		add(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)
	case corev1.ConditionUnknown:
		if condition(node, corev1.NodeReady) == nil {
			// It never reported: it is new, not lost.
			add(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)
			break
		}
		add(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule)
		add(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)
	}
	for _, b := range byCondition {
		if c := condition(node, b.condition); c != nil && c.Status == corev1.ConditionTrue {
			add(b.taint, corev1.TaintEffectNoSchedule)
		}
	}
	if node.Spec.Unschedulable {
		add(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)
	}
	return wanted
}

// taint brings the node's taints to its conditions. Pods are not driven away
// while every node looks lost, for then it is we who are cut off; and nodes
// begin to lose their pods one after the other.
func (c *Controller) taint(ctx context.Context, node *corev1.Node) error {
	wanted := wantedTaints(node)
	if c.allLost() {
		wanted = slices.DeleteFunc(wanted, func(t corev1.Taint) bool { return t.Effect == corev1.TaintEffectNoExecute })
	}
	var taints []corev1.Taint
	for _, t := range node.Spec.Taints {
		if !ours(t) || slices.ContainsFunc(wanted, same(t)) {
			taints = append(taints, t)
		}
	}
	changed := len(taints) != len(node.Spec.Taints)
	for _, t := range wanted {
		if slices.ContainsFunc(taints, same(t)) {
			continue
		}
		if t.Effect == corev1.TaintEffectNoExecute && ready(node) != corev1.ConditionTrue {
			if !c.evictions.Allow() {
				if rate := *c.options.EvictionRate; rate > 0 {
					c.loop.AddAfter(client.KeyOf(node), time.Duration(float64(time.Second)/rate))
				}
				continue
			}
		}
		now := metav1.Now()
		t.TimeAdded = &now
		taints = append(taints, t)
		changed = true
	}
	if !changed {
		return nil
	}
	next := node.DeepCopy()
	next.Spec.Taints = taints
	if _, err := c.nodes.Update(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("taint node %s: %w", node.Name, err)
	}
	return nil
}

// allLost tells whether no node is ready.
func (c *Controller) allLost() bool {
	for _, node := range c.view.List("", nil) {
		if ready(node) == corev1.ConditionTrue {
			return false
		}
	}
	return true
}

package plugins

import (
	corev1 "k8s.io/api/core/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"minke/scheduler/cluster"
)

// NodeUnschedulable keeps pods off cordoned nodes, unless they tolerate the
// taint that says so.
type NodeUnschedulable struct{}

var unschedulableTaint = &corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}

// Name implements Plugin.
func (NodeUnschedulable) Name() string { return "NodeUnschedulable" }

// Helps implements Filter.
func (NodeUnschedulable) Helps() Event { return NodeAdded | NodeUncordoned }

// Prepare implements Filter.
func (NodeUnschedulable) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	if schedulinghelper.TolerationsTolerateTaint(klog.Background(), pod.Spec.Tolerations, unschedulableTaint, true) {
		return Prepared{}, nil
	}
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		if node.Spec.Unschedulable {
			return refuseFinally("node(s) were unschedulable")
		}
		return nil
	}}, nil
}

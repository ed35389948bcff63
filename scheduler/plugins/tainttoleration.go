package plugins

import (
	corev1 "k8s.io/api/core/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"minke/scheduler/cluster"
)

// TaintToleration keeps pods off nodes with taints that they do not tolerate,
// and favours the nodes with fewer such taints of the effect PreferNoSchedule.
type TaintToleration struct{}

// Name implements Plugin.
func (TaintToleration) Name() string { return "TaintToleration" }

// Helps implements Filter.
func (TaintToleration) Helps() Event { return NodeAdded | NodeTaints }

// Weight implements Scorer.
func (TaintToleration) Weight() int64 { return 3 }

// Prepare implements Filter.
func (TaintToleration) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		for i := range node.Spec.Taints {
			taint := &node.Spec.Taints[i]
			if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(pod.Spec.Tolerations, taint) {
				return refuseFinally("node(s) had untolerated taint(s)")
			}
		}
		return nil
	}}, nil
}

func tolerated(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return schedulinghelper.TolerationsTolerateTaint(klog.Background(), tolerations, taint, true)
}

// Score implements Scorer.
func (TaintToleration) Score(_ *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	any := false
	for i, node := range nodes {
		for j := range node.Spec.Taints {
			taint := &node.Spec.Taints[j]
			if taint.Effect == corev1.TaintEffectPreferNoSchedule && !tolerated(pod.Spec.Tolerations, taint) {
				scores[i]++
				any = true
			}
		}
	}
	normalize(scores, true)
	return any
}

package plugins

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"minke/scheduler/cluster"
)

// NodeAffinity keeps a pod to the nodes that its nodeSelector and required node
// affinity select, and favours those that it prefers.
type NodeAffinity struct{}

// Name implements Plugin.
func (NodeAffinity) Name() string { return "NodeAffinity" }

// Helps implements Filter.
func (NodeAffinity) Helps() Event { return NodeAdded | NodeLabels }

// Weight implements Scorer.
func (NodeAffinity) Weight() int64 { return 2 }

// Prepare implements Filter.
func (NodeAffinity) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	required := requiredNodeAffinity(pod.Pod)
	if len(pod.Spec.NodeSelector) == 0 && required == nil {
		return Prepared{}, nil
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod.Pod)
	return Prepared{Only: namedNodes(required), Check: func(node *cluster.Node) *Refusal {
		// A selector that does not parse selects nothing.
		if ok, err := affinity.Match(node.Node); err != nil || !ok {
			return refuseFinally("node(s) didn't match Pod's node affinity/selector")
		}
		return nil
	}}, nil
}

func requiredNodeAffinity(pod *corev1.Pod) *corev1.NodeSelector {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// namedNodes returns the nodes' names when every term gives some, as the pods
// of a DaemonSet do: then the others need not be looked at.
func namedNodes(s *corev1.NodeSelector) []string {
	if s == nil {
		return nil
	}
	var names []string
	for _, term := range s.NodeSelectorTerms {
		found := false
		for _, r := range term.MatchFields {
			if r.Key == metav1.ObjectNameField && r.Operator == corev1.NodeSelectorOpIn {
				names, found = append(names, r.Values...), true
				break
			}
		}
		if !found {
			return nil
		}
	}
	return names
}

// Score implements Scorer.
func (NodeAffinity) Score(_ *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return false
	}
	preferred := pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	if len(preferred) == 0 {
		return false
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(preferred)
	if err != nil {
		return false // validation keeps such terms out; a preference may be left out
	}
	for i, node := range nodes {
		scores[i] = terms.Score(node.Node)
	}
	normalize(scores, false)
	return true
}

package plugins

import (
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-helpers/nodedeclaredfeatures"

	"minke/scheduler/cluster"
)

// NodeDeclaredFeatures keeps pods that need a new feature of the kubelet off nodes
// that do not say they have it (KEP-5328).
type NodeDeclaredFeatures struct{}

// clusterVersion is the one whose semantics are kept: features that all kubelets of it
// have are not asked for.
var clusterVersion = version.MustParse("1.37.0")

// Name implements Plugin.
func (NodeDeclaredFeatures) Name() string { return "NodeDeclaredFeatures" }

// Helps implements Filter.
func (NodeDeclaredFeatures) Helps() Event { return NodeAdded | NodeFeatures }

// Prepare implements Filter.
func (NodeDeclaredFeatures) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	all := nodedeclaredfeatures.DefaultFramework
	needs, err := all.InferForPodScheduling(&nodedeclaredfeatures.PodInfo{Spec: &pod.Spec}, clusterVersion)
	if err != nil {
		return Prepared{}, refuseFinally(err.Error())
	}
	if needs.IsEmpty() {
		return Prepared{}, nil
	}
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		if match, err := needs.IsSubset(all.TryMap(node.Status.DeclaredFeatures)); err != nil {
			return refuseFinally(err.Error())
		} else if !match {
			return refuseFinally("node(s) didn't match Pod's required features")
		}
		return nil
	}}, nil
}

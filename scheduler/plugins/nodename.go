package plugins

import "minke/scheduler/cluster"

// NodeName keeps a pod that names its node to that node.
type NodeName struct{}

// Name implements Plugin.
func (NodeName) Name() string { return "NodeName" }

// Helps implements Filter.
func (NodeName) Helps() Event { return NodeAdded }

// Prepare implements Filter.
func (NodeName) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	want := pod.Spec.NodeName
	if want == "" {
		return Prepared{}, nil
	}
	return Prepared{Only: []string{want}, Check: func(node *cluster.Node) *Refusal {
		if node.Name != want {
			return refuseFinally("node(s) didn't match the requested node name")
		}
		return nil
	}}, nil
}

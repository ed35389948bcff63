package plugins

import "minke/scheduler/cluster"

// NodePorts keeps pods off nodes where a host port that they ask for is taken.
type NodePorts struct{}

// Name implements Plugin.
func (NodePorts) Name() string { return "NodePorts" }

// Helps implements Filter.
func (NodePorts) Helps() Event { return NodeAdded | PodRemoved }

// Prepare implements Filter.
func (NodePorts) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	if len(pod.Ports) == 0 {
		return Prepared{}, nil
	}
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		for _, other := range node.Pods {
			for _, taken := range other.Ports {
				for _, wanted := range pod.Ports {
					if wanted.Conflicts(taken) {
						return refuse("node(s) didn't have free ports for the requested pod ports")
					}
				}
			}
		}
		return nil
	}}, nil
}

package scheduler

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"minke/scheduler/cluster"
)

// nominations are the pods for which room is being made, by node.
type nominations struct {
	mu     sync.Mutex // guards all below
	byPod  map[types.UID]nomination
	byNode map[string][]*cluster.Pod
}

// nomination is a node and the pods that were told to leave it.
type nomination struct {
	node    string
	victims map[types.UID]bool
}

func newNominations() *nominations {
	return &nominations{byPod: map[types.UID]nomination{}, byNode: map[string][]*cluster.Pod{}}
}

// set nominates node for pod, for which victims must leave. Those of an earlier
// nomination for the same node are still remembered.
func (n *nominations) set(pod *cluster.Pod, node string, victims ...*cluster.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := nomination{node: node, victims: map[types.UID]bool{}}
	if old := n.byPod[pod.UID]; old.node == node {
		maps.Copy(next.victims, old.victims)
	}
	for _, v := range victims {
		next.victims[v.UID] = true
	}
	n.drop(pod.UID)
	n.byPod[pod.UID] = next
	n.byNode[node] = append(n.byNode[node], pod)
}

func (n *nominations) remove(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(uid)
}

// of returns the node that is nominated for a pod, and tells of which pods it
// is known that they are leaving.
func (n *nominations) of(uid types.UID) nomination {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byPod[uid]
}

func (n *nominations) drop(uid types.UID) {
	old, ok := n.byPod[uid]
	if !ok {
		return
	}
	node := old.node
	delete(n.byPod, uid)
	var kept []*cluster.Pod
	for _, pod := range n.byNode[node] {
		if pod.UID != uid {
			kept = append(kept, pod)
		}
	}
	if len(kept) == 0 {
		delete(n.byNode, node)
	} else {
		n.byNode[node] = kept
	}
}

// on returns the pods nominated for node. The slice is never changed.
func (n *nominations) on(node string) []*cluster.Pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	kept := n.byNode[node]
	return kept[:len(kept):len(kept)]
}

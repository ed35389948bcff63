package scheduler

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"minke/scheduler/cluster"
)

// nominations are the pods for which room is being made, by node.
type nominations struct {
	mu     sync.Mutex // guards all below
	byPod  map[types.UID]string
	byNode map[string][]*cluster.Pod
}

func newNominations() *nominations {
	return &nominations{byPod: map[types.UID]string{}, byNode: map[string][]*cluster.Pod{}}
}

func (n *nominations) set(pod *cluster.Pod, node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(pod.UID)
	n.byPod[pod.UID] = node
	n.byNode[node] = append(n.byNode[node], pod)
}

func (n *nominations) remove(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(uid)
}

func (n *nominations) drop(uid types.UID) {
	node, ok := n.byPod[uid]
	if !ok {
		return
	}
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

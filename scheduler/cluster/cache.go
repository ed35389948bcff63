// Package cluster is the scheduler's picture of the cluster: nodes with the
// pods on them, and those that it has itself just assigned.
package cluster

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Cache follows nodes and assigned pods. A pod that was assumed counts on its
// node until it is either seen there or forgotten:
//
//	         Assume             SetPod (assigned)
//	(none) ─────────> assumed ───────────────────> known
//	   ^                 │ Forget                    │ DeletePod, finished
//	   └─────────────────┴───────────────────────────┘
type Cache struct {
	namespaces func(string) labels.Set

	mu   sync.Mutex // guards all below
	pods map[types.UID]*placed
	// nodes has an entry, without an object, also for a node that only pods
	// speak of.
	nodes map[string]*Node
	order []string // of the nodes that exist
	dirty map[string]bool
	// moved tells that order changed since the last snapshot.
	moved    bool
	affine   int
	snapshot *Snapshot
}

// placed is a pod and where it counts.
type placed struct {
	pod     *Pod
	node    string
	assumed bool
}

// NewCache returns an empty cache. namespaces returns a namespace's labels.
func NewCache(namespaces func(string) labels.Set) *Cache {
	return &Cache{namespaces: namespaces, pods: map[types.UID]*placed{}, nodes: map[string]*Node{}, dirty: map[string]bool{}, moved: true}
}

// SetNode adds or updates a node.
func (c *Cache) SetNode(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.nodes[node.Name]
	if !ok {
		old = &Node{}
	}
	if old.Node == nil {
		c.order = append(c.order, node.Name)
		c.moved = true
	}
	c.set(node.Name, old.over(node))
}

// DeleteNode removes a node. Pods that are still said to be there wait for it
// to come back.
func (c *Cache) DeleteNode(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.nodes[name]
	if !ok || old.Node == nil {
		return
	}
	for i := range c.order {
		if c.order[i] == name {
			c.order = append(c.order[:i:i], c.order[i+1:]...)
			break
		}
	}
	c.moved = true
	bare := *old
	bare.Node = nil
	if len(bare.Pods) == 0 {
		delete(c.nodes, name)
	} else {
		c.nodes[name] = &bare
	}
}

// SetPod adds or updates a pod that is assigned. A finished one is removed.
func (c *Cache) SetPod(pod *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(pod.UID)
	if !Finished(pod) && pod.Spec.NodeName != "" {
		c.add(&placed{pod: NewPod(pod), node: pod.Spec.NodeName})
	}
}

// DeletePod removes a pod, assumed or not.
func (c *Cache) DeletePod(pod *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(pod.UID)
}

// Assume counts pod on node before the API does.
func (c *Cache) Assume(pod *Pod, node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(pod.UID)
	c.add(&placed{pod: pod, node: node, assumed: true})
}

// Forget takes back Assume, if the pod was not seen assigned meanwhile.
func (c *Cache) Forget(pod *Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.pods[pod.UID]; ok && p.assumed {
		c.remove(pod.UID)
	}
}

// Placed tells whether the pod is assumed or known to be on a node.
func (c *Cache) Placed(uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.pods[uid]
	return ok
}

// add, remove and set need c.mu held.
func (c *Cache) add(p *placed) {
	c.pods[p.pod.UID] = p
	c.affine += affine(p.pod)
	node, ok := c.nodes[p.node]
	if !ok {
		node = &Node{}
	}
	c.set(p.node, node.With(p.pod))
}

func (c *Cache) remove(uid types.UID) {
	p, ok := c.pods[uid]
	if !ok {
		return
	}
	delete(c.pods, uid)
	c.affine -= affine(p.pod)
	node := c.nodes[p.node].Without(func(other *Pod) bool { return other == p.pod })
	c.set(p.node, node)
	if node.Node == nil && len(node.Pods) == 0 {
		delete(c.nodes, p.node)
	}
}

func (c *Cache) set(name string, node *Node) {
	c.nodes[name] = node
	c.dirty[name] = true
}

// Snapshot returns the present. Its cost is that of what changed since the last
// one, and of copying a slice of pointers.
func (c *Cache) Snapshot() *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved {
		c.moved = false
		clear(c.dirty)
		nodes := make([]*Node, len(c.order))
		for i, name := range c.order {
			nodes[i] = c.nodes[name]
		}
		c.snapshot = NewSnapshot(nodes, c.namespaces)
		c.snapshot.Affine = c.affine
		return c.snapshot
	}
	if len(c.dirty) == 0 {
		return c.snapshot
	}
	next := *c.snapshot
	next.Nodes = append([]*Node(nil), c.snapshot.Nodes...)
	for name := range c.dirty {
		if i, ok := next.index[name]; ok {
			next.Nodes[i] = c.nodes[name]
		}
	}
	next.Affine = c.affine
	clear(c.dirty)
	c.snapshot = &next
	return c.snapshot
}

package cluster

import "k8s.io/apimachinery/pkg/labels"

// Snapshot is all that a placement is decided on. It is immutable.
type Snapshot struct {
	// Nodes are in no order of meaning, but in the same from one snapshot to
	// the next while nodes neither come nor go.
	Nodes []*Node
	index map[string]int
	// Affine counts the pods with any inter-pod affinity or anti-affinity:
	// while it is zero, nobody needs to look for them.
	Affine int
	// Namespaces returns a namespace's labels.
	Namespaces func(name string) labels.Set
}

// NewSnapshot returns the snapshot of nodes.
func NewSnapshot(nodes []*Node, namespaces func(string) labels.Set) *Snapshot {
	s := &Snapshot{Nodes: nodes, index: make(map[string]int, len(nodes)), Namespaces: namespaces}
	for i, n := range nodes {
		s.index[n.Name] = i
		for _, p := range n.Pods {
			s.Affine += affine(p)
		}
	}
	return s
}

func affine(p *Pod) int {
	if len(p.Affinity)+len(p.AntiAffinity)+len(p.PreferredAffinity)+len(p.PreferredAntiAffinity) > 0 {
		return 1
	}
	return 0
}

// Node returns the node of that name, or nil.
func (s *Snapshot) Node(name string) *Node {
	if i, ok := s.index[name]; ok {
		return s.Nodes[i]
	}
	return nil
}

// Replace returns the snapshot with node in place of the one of its name.
func (s *Snapshot) Replace(node *Node) *Snapshot {
	changed := *s
	changed.Nodes = append([]*Node(nil), s.Nodes...)
	changed.Nodes[s.index[node.Name]] = node
	return &changed
}

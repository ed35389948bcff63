package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Node is a node with the pods on it and what they add up to. It is immutable:
// With and Without return another.
type Node struct {
	*corev1.Node
	Allocatable Resources
	// Requested and Scoring are the sums over Pods.
	Requested, Scoring Resources
	Pods               []*Pod
	// ImageSizes are the bytes of the images that the node has, by each name.
	ImageSizes map[string]int64
}

// NewNode returns the node without pods.
func NewNode(node *corev1.Node) *Node {
	n := &Node{Node: node, Allocatable: ResourcesOf(node.Status.Allocatable)}
	for _, image := range node.Status.Images {
		for _, name := range image.Names {
			if n.ImageSizes == nil {
				n.ImageSizes = map[string]int64{}
			}
			n.ImageSizes[name] = image.SizeBytes
		}
	}
	return n
}

// With returns the node with pod added.
func (n *Node) With(pods ...*Pod) *Node {
	changed := *n
	changed.Pods = append(n.Pods[:len(n.Pods):len(n.Pods)], pods...)
	for _, pod := range pods {
		changed.Requested = changed.Requested.Plus(pod.Requests, 1)
		changed.Scoring = changed.Scoring.Plus(pod.Scoring, 1)
	}
	return &changed
}

// Without returns the node without the pods that remove tells.
func (n *Node) Without(remove func(*Pod) bool) *Node {
	changed := *n
	changed.Pods = nil
	for _, pod := range n.Pods {
		if !remove(pod) {
			changed.Pods = append(changed.Pods, pod)
			continue
		}
		changed.Requested = changed.Requested.Plus(pod.Requests, -1)
		changed.Scoring = changed.Scoring.Plus(pod.Scoring, -1)
	}
	return &changed
}

// over returns the node with another object and the same pods.
func (n *Node) over(node *corev1.Node) *Node {
	changed := NewNode(node)
	changed.Pods = slices.Clip(n.Pods)
	changed.Requested, changed.Scoring = n.Requested, n.Scoring
	return changed
}

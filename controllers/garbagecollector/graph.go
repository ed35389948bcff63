package garbagecollector

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// node is one object as far as the collector cares.
type node struct {
	uid      types.UID
	resource client.APIResource
	key      client.Key
	owners   []metav1.OwnerReference
	deleting bool
	// foreground and orphan tell that the object is being deleted and waits
	// for its dependents to go, or to be let loose.
	foreground, orphan bool
}

// graph holds, by UID, the objects that have owners or are being deleted, and who
// depends on whom. Most objects are neither: that they exist is what their
// informer knows. An owner need not be known for its dependents to be.
type graph struct {
	mu         sync.Mutex // guards what follows
	nodes      map[types.UID]*node
	dependents map[types.UID]map[types.UID]*node
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]map[types.UID]*node{}}
}

func nodeOf(resource client.APIResource, obj client.Object) *node {
	deleting := obj.GetDeletionTimestamp() != nil
	return &node{
		uid: obj.GetUID(), resource: resource, key: client.KeyOf(obj), owners: obj.GetOwnerReferences(), deleting: deleting,
		foreground: deleting && slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents),
		orphan:     deleting && slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents),
	}
}

// put makes n the state of its object and returns what was there before.
func (g *graph) put(n *node) *node {
	if len(n.owners) == 0 && !n.deleting {
		return g.remove(n.uid)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.nodes[n.uid]
	if old != nil {
		g.unlink(old)
	}
	g.nodes[n.uid] = n
	for _, ref := range n.owners {
		if g.dependents[ref.UID] == nil {
			g.dependents[ref.UID] = map[types.UID]*node{}
		}
		g.dependents[ref.UID][n.uid] = n
	}
	return old
}

func (g *graph) remove(uid types.UID) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.nodes[uid]
	if old != nil {
		g.unlink(old)
		delete(g.nodes, uid)
	}
	return old
}

func (g *graph) unlink(n *node) {
	for _, ref := range n.owners {
		delete(g.dependents[ref.UID], n.uid)
		if len(g.dependents[ref.UID]) == 0 {
			delete(g.dependents, ref.UID)
		}
	}
}

func (g *graph) get(uid types.UID) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.nodes[uid]
}

// dependentsOf returns the objects that name uid as an owner.
func (g *graph) dependentsOf(uid types.UID) []*node {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*node, 0, len(g.dependents[uid]))
	for _, n := range g.dependents[uid] {
		all = append(all, n)
	}
	return all
}

// blocks tells whether n, while it exists, holds up the foreground deletion of
// owner.
func (n *node) blocks(owner types.UID) bool {
	for _, ref := range n.owners {
		if ref.UID == owner && ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion {
			return true
		}
	}
	return false
}

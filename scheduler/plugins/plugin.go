// Package plugins holds the rules by which a pod's node is chosen, one file
// each. A rule is prepared for a pod over a snapshot and then asked about
// nodes; it changes nothing.
package plugins

import (
	"context"

	"minke/scheduler/cluster"
)

// Plugin is what every rule has. It is one or more of Filter, Scorer, Reserver
// and Binder besides.
type Plugin interface {
	// Name is Kubernetes' name of the rule.
	Name() string
}

// Filter says which nodes a pod cannot go to.
type Filter interface {
	Plugin
	// Prepare looks at the pod and the cluster once. A nil Check lets every
	// node pass. A refusal is about all nodes.
	Prepare(snapshot *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal)
	// Helps tells which events can make a pod fit that the rule refused.
	Helps() Event
}

// Prepared is a filter made ready for one pod.
type Prepared struct {
	// Only, when set, names the nodes that alone are worth checking.
	Only []string
	// Check returns why the pod cannot go to the node, or nil.
	Check func(node *cluster.Node) *Refusal
}

// Refusal explains why a node, or every node, is out of the question.
type Refusal struct {
	// Reasons are texts such as "Insufficient cpu".
	Reasons []string
	// Final tells that no preemption could change it.
	Final bool
	// Plugin is filled in by the scheduler.
	Plugin string
}

// refuse and refuseFinally make refusals of one reason.
func refuse(reason string) *Refusal        { return &Refusal{Reasons: []string{reason}} }
func refuseFinally(reason string) *Refusal { return &Refusal{Reasons: []string{reason}, Final: true} }

// MaxScore is the best normalized score.
const MaxScore = 100

// Scorer says which of the nodes that a pod can go to are better.
type Scorer interface {
	Plugin
	// Weight is by how much the normalized score is multiplied.
	Weight() int64
	// Score sets scores[i] for nodes[i], from 0 to MaxScore. It tells false
	// when it has no opinion.
	Score(snapshot *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool
}

// Reserver prepares something for the pod outside of the cache once a node is
// chosen, and takes it back when the pod is not bound after all.
type Reserver interface {
	Plugin
	Reserve(ctx context.Context, pod *cluster.Pod, node string) error
	Unreserve(ctx context.Context, pod *cluster.Pod, node string)
}

// Binder makes the choice known to the API.
type Binder interface {
	Plugin
	Bind(ctx context.Context, pod *cluster.Pod, node string) error
}

// Event is a set of things that happened to the cluster.
type Event uint32

// The events that can make a pod fit.
const (
	NodeAdded Event = 1 << iota
	NodeLabels
	NodeTaints
	NodeAllocatable
	NodeUncordoned
	NodeFeatures   // that it declares
	PodAssigned    // some pod runs on a node now
	PodRemoved     // some pod has left its node
	PodLabels      // of an assigned pod
	PodResized     // an assigned pod needs less
	VolumesChanged // claims, volumes, classes
	Forced         // to try again in any case
)

// normalize scales scores so that the largest becomes MaxScore; reverse turns
// them round.
func normalize(scores []int64, reverse bool) {
	var largest int64
	for _, s := range scores {
		largest = max(largest, s)
	}
	for i, s := range scores {
		if largest > 0 {
			s = s * MaxScore / largest
		}
		if reverse {
			s = MaxScore - s
		}
		scores[i] = s
	}
}

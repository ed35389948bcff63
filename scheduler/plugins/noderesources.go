package plugins

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"minke/scheduler/cluster"
)

// NodeResourcesFit keeps pods off nodes without enough left of what they
// request, and favours the nodes with most of CPU and memory left.
type NodeResourcesFit struct{}

// Name implements Plugin.
func (NodeResourcesFit) Name() string { return "NodeResourcesFit" }

// Helps implements Filter.
func (NodeResourcesFit) Helps() Event { return NodeAdded | NodeAllocatable | PodRemoved | PodResized }

// Weight implements Scorer.
func (NodeResourcesFit) Weight() int64 { return 1 }

// Prepare implements Filter.
func (NodeResourcesFit) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	return Prepared{Check: func(node *cluster.Node) *Refusal { return Fits(pod, node) }}, nil
}

// Fits returns which of the node's resources do not suffice for pod, or nil.
func Fits(pod *cluster.Pod, node *cluster.Node) *Refusal {
	want, used, have := &pod.Requests, &node.Requested, &node.Allocatable
	var short shortage
	if used.Pods+1 > have.Pods {
		short.add("Too many pods", 1 > have.Pods)
	}
	short.check("cpu", want.MilliCPU, used.MilliCPU, have.MilliCPU)
	short.check("memory", want.Memory, used.Memory, have.Memory)
	short.check("ephemeral-storage", want.EphemeralStorage, used.EphemeralStorage, have.EphemeralStorage)
	if len(want.Other) > 0 {
		names := make([]corev1.ResourceName, 0, len(want.Other))
		for name := range want.Other {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			short.check(string(name), want.Other[name], used.Other[name], have.Other[name])
		}
	}
	return short.refusal
}

type shortage struct{ refusal *Refusal }

func (s *shortage) add(reason string, final bool) {
	if s.refusal == nil {
		s.refusal = &Refusal{}
	}
	s.refusal.Reasons = append(s.refusal.Reasons, reason)
	s.refusal.Final = s.refusal.Final || final
}

// check lets zero pass even where there is too little already. More than the
// node has at all is a final shortage.
func (s *shortage) check(name string, want, used, have int64) {
	if want > 0 && want > have-used {
		s.add("Insufficient "+name, want > have)
	}
}

// Score implements Scorer: what is left, of CPU and memory alike
// (LeastAllocated).
func (NodeResourcesFit) Score(_ *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	for i, node := range nodes {
		cpu := left(node.Scoring.MilliCPU+pod.Scoring.MilliCPU, node.Allocatable.MilliCPU)
		memory := left(node.Scoring.Memory+pod.Scoring.Memory, node.Allocatable.Memory)
		scores[i] = (cpu + memory) / 2
	}
	return true
}

func left(used, have int64) int64 {
	if have == 0 || used > have {
		return 0
	}
	return (have - used) * MaxScore / have
}

// NodeResourcesBalancedAllocation favours nodes whose CPU and memory would be
// used to a like share, so that neither is stranded.
type NodeResourcesBalancedAllocation struct{}

// Name implements Plugin.
func (NodeResourcesBalancedAllocation) Name() string { return "NodeResourcesBalancedAllocation" }

// Weight implements Scorer.
func (NodeResourcesBalancedAllocation) Weight() int64 { return 1 }

// Score implements Scorer. A pod without requests changes no balance: there is
// no opinion on it.
func (NodeResourcesBalancedAllocation) Score(_ *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	if pod.Requests.MilliCPU == 0 && pod.Requests.Memory == 0 {
		return false
	}
	for i, node := range nodes {
		cpu := share(node.Requested.MilliCPU+pod.Requests.MilliCPU, node.Allocatable.MilliCPU)
		memory := share(node.Requested.Memory+pod.Requests.Memory, node.Allocatable.Memory)
		// For two figures the standard deviation is half their distance.
		deviation := (cpu - memory) / 2
		if deviation < 0 {
			deviation = -deviation
		}
		scores[i] = int64((1 - deviation) * MaxScore)
	}
	return true
}

func share(used, have int64) float64 {
	if have == 0 {
		return 1
	}
	return min(1, float64(used)/float64(have))
}

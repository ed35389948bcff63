package scheduler

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"minke/scheduler/cluster"
)

// Enough nodes are tried to find a good one to preempt on, not all.
const (
	minPreemptionNodes        = 100
	minPreemptionNodesPercent = 10
)

// preemption is the decision to make room on a node by removing victims, or why
// there is none.
type preemption struct {
	node        string
	victims     []*cluster.Pod
	explanation string
	violations  int // of disruption budgets
}

// preempt looks for a node on which less important pods can make room. It
// changes nothing.
func (s *Scheduler) preempt(snapshot *cluster.Snapshot, pod *cluster.Pod, d *decision) preemption {
	if policy := pod.Spec.PreemptionPolicy; policy != nil && *policy == corev1.PreemptNever {
		return preemption{explanation: "preemption: not eligible due to preemptionPolicy=Never."}
	}
	// What was decided last counts, not what the API shows of it by now.
	if n := s.nominated.of(pod.UID); n.node != "" && roomIsComing(snapshot.Node(n.node), pod, n.victims) {
		if r := d.refused[n.node]; r == nil || !r.Final {
			return preemption{node: n.node, explanation: "preemption: not eligible due to a terminating pod on the nominated node."}
		}
	}
	counts := map[string]int{}
	var best *preemption
	tries := max(minPreemptionNodes, len(snapshot.Nodes)*minPreemptionNodesPercent/100)
	budgets := s.informers.budgets.List("", nil)
	for _, node := range snapshot.Nodes {
		refusal := d.refused[node.Name]
		if refusal == nil || refusal.Final {
			counts["Preemption is not helpful for scheduling"]++
			continue
		}
		if tries == 0 {
			break
		}
		p := s.place.preemptOn(snapshot, pod, node, budgets)
		if p == nil {
			counts["No preemption victims found for incoming pod"]++
			continue
		}
		tries--
		if best == nil || p.better(best) {
			best = p
		}
	}
	if best == nil {
		return preemption{explanation: "preemption: " + (&decision{total: d.total}).available(counts)}
	}
	return *best
}

// roomIsComing tells whether a less important pod is on its way out.
func roomIsComing(node *cluster.Node, pod *cluster.Pod, victims map[types.UID]bool) bool {
	if node == nil {
		return false
	}
	for _, other := range node.Pods {
		if (other.DeletionTimestamp != nil || victims[other.UID]) && other.Priority() < pod.Priority() {
			return true
		}
	}
	return false
}

// preemptOn returns the least that must go from node, nil if that is no use.
func (p *placement) preemptOn(snapshot *cluster.Snapshot, pod *cluster.Pod, node *cluster.Node, budgets []*policyv1.PodDisruptionBudget) *preemption {
	var lower []*cluster.Pod
	for _, other := range node.Pods {
		if other.Priority() < pod.Priority() {
			lower = append(lower, other)
		}
	}
	fits := p.fitter(snapshot, pod)
	rest := node.Without(func(other *cluster.Pod) bool { return other.Priority() < pod.Priority() })
	if len(lower) == 0 || !fits(rest) {
		return nil
	}
	slices.SortStableFunc(lower, byImportance)
	guarded := guardedBy(lower, budgets)
	// Those whose budget would be broken are spared first, then the others,
	// each the most important first.
	slices.SortStableFunc(lower, func(a, b *cluster.Pod) int { return cmp.Compare(order(guarded[b]), order(guarded[a])) })
	found := &preemption{node: node.Name}
	for _, other := range lower {
		if with := rest.With(other); fits(with) {
			rest = with
			continue
		}
		found.victims = append(found.victims, other)
		found.violations += order(guarded[other])
	}
	slices.SortStableFunc(found.victims, byImportance)
	return found
}

// fitter returns a test whether pod can go to a changed node. Only for a pod
// that minds others in the cluster the filters are made ready each time.
func (p *placement) fitter(snapshot *cluster.Snapshot, pod *cluster.Pod) func(*cluster.Node) bool {
	minds := snapshot.Affine > 0 || len(pod.Affinity)+len(pod.AntiAffinity)+len(pod.Spec.TopologySpreadConstraints) > 0
	checks, _, whole := p.prepare(snapshot, pod)
	return func(node *cluster.Node) bool {
		if minds {
			checks, _, whole = p.prepare(snapshot.Replace(node), pod)
		}
		return whole == nil && check(checks, node) == nil && p.checkNominated(pod, node, checks) == nil
	}
}

// byImportance puts pods of higher priority first, then those that run longer.
func byImportance(a, b *cluster.Pod) int {
	if c := cmp.Compare(b.Priority(), a.Priority()); c != 0 {
		return c
	}
	return started(a).Compare(started(b))
}

// started returns when a pod started; one that has not, starts last.
func started(p *cluster.Pod) time.Time {
	if p.Status.StartTime == nil {
		return time.Unix(1<<40, 0)
	}
	return p.Status.StartTime.Time
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// guardedBy returns the pods that cannot go without breaking a disruption
// budget, if those before them in the list go.
func guardedBy(pods []*cluster.Pod, budgets []*policyv1.PodDisruptionBudget) map[*cluster.Pod]bool {
	allowed := map[*policyv1.PodDisruptionBudget]int32{}
	for _, b := range budgets {
		allowed[b] = b.Status.DisruptionsAllowed
	}
	guarded := map[*cluster.Pod]bool{}
	for _, pod := range pods {
		for _, b := range budgets {
			if b.Namespace != pod.Namespace || !cluster.Selector(b.Spec.Selector).Matches(labels.Set(pod.Labels)) {
				continue
			}
			if _, gone := b.Status.DisruptedPods[pod.Name]; gone {
				continue
			}
			if allowed[b]--; allowed[b] < 0 {
				guarded[pod] = true
			}
		}
	}
	return guarded
}

// better compares by what is lost: budgets broken, the most important victim,
// the sum of importance, the number, and last how long the first has run.
func (p *preemption) better(other *preemption) bool {
	a, b := p.loss(), other.loss()
	if c := slices.Compare(a[:], b[:]); c != 0 {
		return c < 0
	}
	if len(p.victims) == 0 {
		return false
	}
	return started(p.victims[0]).After(started(other.victims[0]))
}

func (p *preemption) loss() [4]int64 {
	var sum int64
	highest := int64(-1 << 32)
	for _, v := range p.victims {
		highest = max(highest, int64(v.Priority()))
		sum += int64(v.Priority()) + 1<<31 // so that more victims are never a gain
	}
	return [4]int64{int64(p.violations), highest, sum, int64(len(p.victims))}
}

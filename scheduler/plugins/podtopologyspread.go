package plugins

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"minke/scheduler/cluster"
)

// PodTopologySpread keeps pods evenly over topology domains, as their
// constraints say (KEP-895, KEP-3022, KEP-3094, KEP-3243). Pods of a service or
// a controller that say nothing are spread over nodes and zones by preference
// (KEP-1258).
type PodTopologySpread struct {
	// Siblings returns what selects the pods that belong together with pod,
	// nil when it belongs to nothing.
	Siblings func(pod *corev1.Pod) labels.Selector
}

// Name implements Plugin.
func (PodTopologySpread) Name() string { return "PodTopologySpread" }

// Helps implements Filter.
func (PodTopologySpread) Helps() Event {
	return NodeAdded | NodeLabels | NodeTaints | PodAssigned | PodRemoved | PodLabels
}

// Weight implements Scorer.
func (PodTopologySpread) Weight() int64 { return 2 }

// constraint is one topology spread constraint, compiled.
type constraint struct {
	key         string
	selector    labels.Selector
	maxSkew     int64
	minDomains  int64
	affinity    bool // only nodes that the pod's affinity selects count
	taints      bool // only nodes whose taints the pod tolerates count
	selfMatches int64
}

func compile(pod *corev1.Pod, c *corev1.TopologySpreadConstraint) constraint {
	made := constraint{
		key: c.TopologyKey, maxSkew: int64(c.MaxSkew), minDomains: 1,
		affinity: c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor,
		taints:   c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor,
		selector: withLabelKeys(cluster.Selector(c.LabelSelector), pod, c.MatchLabelKeys),
	}
	if c.MinDomains != nil {
		made.minDomains = int64(*c.MinDomains)
	}
	if made.selector.Matches(labels.Set(pod.Labels)) {
		made.selfMatches = 1
	}
	return made
}

// withLabelKeys narrows selector to pods with the same values for keys.
func withLabelKeys(selector labels.Selector, pod *corev1.Pod, keys []string) labels.Selector {
	for _, key := range keys {
		value, ok := pod.Labels[key]
		if !ok {
			continue
		}
		if r, err := labels.NewRequirement(key, selection.In, []string{value}); err == nil {
			selector = selector.Add(*r)
		}
	}
	return selector
}

func constraints(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) []constraint {
	var made []constraint
	for i := range pod.Spec.TopologySpreadConstraints {
		if c := &pod.Spec.TopologySpreadConstraints[i]; c.WhenUnsatisfiable == when {
			made = append(made, compile(pod, c))
		}
	}
	return made
}

// counts tells whether pods on node count for c.
func (c *constraint) counts(pod *corev1.Pod, required nodeaffinity.RequiredNodeAffinity, node *cluster.Node) bool {
	if c.affinity {
		if ok, err := required.Match(node.Node); err != nil || !ok {
			return false
		}
	}
	if c.taints {
		for i := range node.Spec.Taints {
			taint := &node.Spec.Taints[i]
			if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(pod.Spec.Tolerations, taint) {
				return false
			}
		}
	}
	return true
}

func (c *constraint) matching(pod *corev1.Pod, node *cluster.Node) int64 {
	var n int64
	for _, other := range node.Pods {
		if other.Namespace == pod.Namespace && other.DeletionTimestamp == nil && c.selector.Matches(labels.Set(other.Labels)) {
			n++
		}
	}
	return n
}

// hasAll tells whether node is in a domain of each constraint: others do not
// count for any.
func hasAll(node *cluster.Node, constraints []constraint) bool {
	for i := range constraints {
		if _, ok := node.Labels[constraints[i].key]; !ok {
			return false
		}
	}
	return true
}

// Prepare implements Filter.
func (PodTopologySpread) Prepare(snapshot *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	hard := constraints(pod.Pod, corev1.DoNotSchedule)
	if len(hard) == 0 {
		return Prepared{}, nil
	}
	required := nodeaffinity.GetRequiredNodeAffinity(pod.Pod)
	sums := make([]map[string]int64, len(hard))
	lowest := make([]int64, len(hard))
	for i := range hard {
		sums[i] = map[string]int64{}
		for _, node := range snapshot.Nodes {
			if hasAll(node, hard) && hard[i].counts(pod.Pod, required, node) {
				sums[i][node.Labels[hard[i].key]] += hard[i].matching(pod.Pod, node)
			}
		}
		lowest[i] = math.MaxInt64
		for _, n := range sums[i] {
			lowest[i] = min(lowest[i], n)
		}
		if int64(len(sums[i])) < hard[i].minDomains || len(sums[i]) == 0 {
			lowest[i] = 0 // domains that are still missing are empty ones
		}
	}
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		for i := range hard {
			value, ok := node.Labels[hard[i].key]
			if !ok {
				return refuseFinally("node(s) didn't match pod topology spread constraints (missing required label)")
			}
			if sums[i][value]+hard[i].selfMatches-lowest[i] > hard[i].maxSkew {
				return refuse("node(s) didn't match pod topology spread constraints")
			}
		}
		return nil
	}}, nil
}

// Score implements Scorer: the fewer pods of the kind in the node's domains,
// the better, a domain weighing more the more of them there are.
func (p PodTopologySpread) Score(snapshot *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	soft := constraints(pod.Pod, corev1.ScheduleAnyway)
	defaults := false
	if len(pod.Spec.TopologySpreadConstraints) == 0 {
		soft, defaults = p.defaults(pod.Pod), true
	}
	if len(soft) == 0 {
		return false
	}
	required := nodeaffinity.GetRequiredNodeAffinity(pod.Pod)
	sums := make([]float64, len(nodes))
	ignored := make([]bool, len(nodes))
	for i := range nodes {
		ignored[i] = !defaults && !hasAll(nodes[i], soft)
	}
	for i := range soft {
		soft[i].score(snapshot, pod.Pod, required, nodes, ignored, sums)
	}
	normalizeSpread(sums, ignored, scores)
	return true
}

// defaults returns the constraints of a pod that has none but siblings.
func (p PodTopologySpread) defaults(pod *corev1.Pod) []constraint {
	if p.Siblings == nil {
		return nil
	}
	selector := p.Siblings(pod)
	if selector == nil || selector.Empty() {
		return nil
	}
	return []constraint{
		{key: corev1.LabelHostname, selector: selector, maxSkew: 3, affinity: true},
		{key: corev1.LabelTopologyZone, selector: selector, maxSkew: 5, affinity: true},
	}
}

// score adds c's part to the sums of nodes. For single hosts only the nodes at
// hand are looked at, for larger domains all that count.
func (c *constraint) score(snapshot *cluster.Snapshot, pod *corev1.Pod, required nodeaffinity.RequiredNodeAffinity, nodes []*cluster.Node, ignored []bool, sums []float64) {
	perDomain := map[string]int64{}
	candidates := 0
	for i, node := range nodes {
		if value, ok := node.Labels[c.key]; ok && !ignored[i] {
			perDomain[value] = 0
			candidates++
		}
	}
	if candidates == 0 {
		return
	}
	from := nodes
	if c.key != corev1.LabelHostname {
		from = snapshot.Nodes
	}
	for _, node := range from {
		value, ok := node.Labels[c.key]
		if _, wanted := perDomain[value]; ok && wanted && c.counts(pod, required, node) {
			perDomain[value] += c.matching(pod, node)
		}
	}
	weight := math.Log(float64(len(perDomain) + 2))
	for i, node := range nodes {
		if value, ok := node.Labels[c.key]; ok && !ignored[i] {
			sums[i] += float64(perDomain[value])*weight + float64(c.maxSkew-1)
		}
	}
}

func normalizeSpread(sums []float64, ignored []bool, scores []int64) {
	low, high := int64(math.MaxInt64), int64(0)
	for i, s := range sums {
		if !ignored[i] {
			low, high = min(low, int64(math.Round(s))), max(high, int64(math.Round(s)))
		}
	}
	for i, s := range sums {
		switch {
		case ignored[i]:
			scores[i] = 0
		case high == 0:
			scores[i] = MaxScore
		default:
			scores[i] = MaxScore * (high + low - int64(math.Round(s))) / high
		}
	}
}

package plugins

import (
	corev1 "k8s.io/api/core/v1"

	"minke/scheduler/cluster"
)

// InterPodAffinity keeps pods near to or away from other pods: in both
// directions where it must be, and by preference.
type InterPodAffinity struct{}

// Name implements Plugin.
func (InterPodAffinity) Name() string { return "InterPodAffinity" }

// Helps implements Filter.
func (InterPodAffinity) Helps() Event {
	return NodeAdded | NodeLabels | PodAssigned | PodRemoved | PodLabels
}

// Weight implements Scorer.
func (InterPodAffinity) Weight() int64 { return 2 }

// domain is a topology domain, such as zone a.
type domain struct{ key, value string }

// domains sums up something for each domain.
type domains map[domain]int64

// add adds n to the node's domain of key, if it is in one.
func (d domains) add(node *cluster.Node, key string, n int64) {
	if value, ok := node.Labels[key]; ok {
		d[domain{key, value}] += n
	}
}

func (d domains) of(node *cluster.Node, key string) (sum int64, ok bool) {
	value, ok := node.Labels[key]
	return d[domain{key, value}], ok
}

// podTopology is what the required rules need to know of all pods.
type podTopology struct {
	// forbidden counts the pods whose own anti-affinity keeps the pod away;
	// wanted those that its affinity wants near; unwanted those that its
	// anti-affinity wants away.
	forbidden, wanted, unwanted domains
}

// Prepare implements Filter.
func (InterPodAffinity) Prepare(snapshot *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	own := len(pod.Affinity)+len(pod.AntiAffinity) > 0
	if !own && snapshot.Affine == 0 {
		return Prepared{}, nil
	}
	t := podTopology{forbidden: domains{}, wanted: domains{}, unwanted: domains{}}
	for _, node := range snapshot.Nodes {
		for _, other := range node.Pods {
			t.count(snapshot, pod, other, node)
		}
	}
	if !own && len(t.forbidden) == 0 {
		return Prepared{}, nil
	}
	// The first of a group of pods that want to be together may go anywhere.
	first := len(pod.Affinity) > 0 && len(t.wanted) == 0 && matchesAll(snapshot, pod.Affinity, pod.Pod)
	return Prepared{Check: func(node *cluster.Node) *Refusal { return t.check(pod, node, first) }}, nil
}

func (t *podTopology) count(snapshot *cluster.Snapshot, pod, other *cluster.Pod, node *cluster.Node) {
	for i := range other.AntiAffinity {
		if term := &other.AntiAffinity[i]; term.Matches(pod.Pod, snapshot.Namespaces) {
			t.forbidden.add(node, term.TopologyKey, 1)
		}
	}
	if len(pod.Affinity) > 0 && matchesAll(snapshot, pod.Affinity, other.Pod) {
		for i := range pod.Affinity {
			t.wanted.add(node, pod.Affinity[i].TopologyKey, 1)
		}
	}
	for i := range pod.AntiAffinity {
		if term := &pod.AntiAffinity[i]; term.Matches(other.Pod, snapshot.Namespaces) {
			t.unwanted.add(node, term.TopologyKey, 1)
		}
	}
}

func matchesAll(snapshot *cluster.Snapshot, terms []cluster.Term, pod *corev1.Pod) bool {
	for i := range terms {
		if !terms[i].Matches(pod, snapshot.Namespaces) {
			return false
		}
	}
	return true
}

func (t *podTopology) check(pod *cluster.Pod, node *cluster.Node, first bool) *Refusal {
	for i := range pod.Affinity {
		n, ok := t.wanted.of(node, pod.Affinity[i].TopologyKey)
		if !ok || n == 0 && !first {
			return refuseFinally("node(s) didn't match pod affinity rules")
		}
	}
	for i := range pod.AntiAffinity {
		if n, ok := t.unwanted.of(node, pod.AntiAffinity[i].TopologyKey); ok && n > 0 {
			return refuse("node(s) didn't match pod anti-affinity rules")
		}
	}
	if len(t.forbidden) > 0 {
		for key, value := range node.Labels {
			if t.forbidden[domain{key, value}] > 0 {
				return refuse("node(s) didn't satisfy existing pods anti-affinity rules")
			}
		}
	}
	return nil
}

// Score implements Scorer: for each domain the sum of the weights that speak
// for it, the pod's own and those of the pods there.
func (InterPodAffinity) Score(snapshot *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node, scores []int64) bool {
	if snapshot.Affine == 0 && len(pod.PreferredAffinity)+len(pod.PreferredAntiAffinity) == 0 {
		return false
	}
	sums := domains{}
	for _, node := range snapshot.Nodes {
		for _, other := range node.Pods {
			prefer(sums, snapshot, node, pod.PreferredAffinity, other.Pod, 1)
			prefer(sums, snapshot, node, pod.PreferredAntiAffinity, other.Pod, -1)
			prefer(sums, snapshot, node, other.PreferredAffinity, pod.Pod, 1)
			prefer(sums, snapshot, node, other.PreferredAntiAffinity, pod.Pod, -1)
			preferRequired(sums, snapshot, node, other.Affinity, pod.Pod)
		}
	}
	if len(sums) == 0 {
		return false
	}
	for i, node := range nodes {
		for key, value := range node.Labels {
			scores[i] += sums[domain{key, value}]
		}
	}
	spread(scores)
	return true
}

func prefer(sums domains, snapshot *cluster.Snapshot, node *cluster.Node, terms []cluster.Term, of *corev1.Pod, sign int64) {
	for i := range terms {
		if terms[i].Matches(of, snapshot.Namespaces) {
			sums.add(node, terms[i].TopologyKey, sign*terms[i].Weight)
		}
	}
}

// preferRequired lets what a pod there requires count a little for a pod here.
func preferRequired(sums domains, snapshot *cluster.Snapshot, node *cluster.Node, terms []cluster.Term, of *corev1.Pod) {
	for i := range terms {
		if terms[i].Matches(of, snapshot.Namespaces) {
			sums.add(node, terms[i].TopologyKey, 1)
		}
	}
}

// spread scales scores, which may be negative, to 0 … MaxScore.
func spread(scores []int64) {
	low, high := scores[0], scores[0]
	for _, s := range scores {
		low, high = min(low, s), max(high, s)
	}
	for i, s := range scores {
		scores[i] = 0
		if high > low {
			scores[i] = MaxScore * (s - low) / (high - low)
		}
	}
}

package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
)

// TestRules places random pods on random clusters and judges each decision by
// the rules once more, written down here in the plainest way:
//
//   - no node is overcommitted, and no hard rule is broken;
//   - a pod that is refused could indeed go nowhere.
func TestRules(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	placed, refused := 0, 0
	for round := range 60 {
		chance := rand.New(rand.NewPCG(seed, uint64(round)))
		cache := cluster.NewCache(func(string) labels.Set { return nil })
		var nodes []*corev1.Node
		for i := range 1 + chance.IntN(12) {
			nodes = append(nodes, randomNode(chance, i))
			cache.SetNode(nodes[i])
		}
		p := &placement{rules: newRules(&plugins.VolumeBinding{}, nil), chance: chance, nominated: newNominations().on}
		var there []*corev1.Pod
		for i := range 60 {
			pod := randomPod(chance, i)
			d := p.place(cache.Snapshot(), cluster.NewPod(pod))
			if d.node == "" {
				refused++
				for _, node := range nodes {
					if why := judge(pod, node, nodes, there); why == "" {
						t.Fatalf("round %d: pod %d was refused everywhere (%s), and could go to %s", round, i, d.explain(), node.Name)
					}
				}
				continue
			}
			placed++
			node := nodes[slices.IndexFunc(nodes, func(n *corev1.Node) bool { return n.Name == d.node })]
			if why := judge(pod, node, nodes, there); why != "" {
				t.Fatalf("round %d: pod %d went to %s: %s", round, i, d.node, why)
			}
			pod.Spec.NodeName = d.node
			there = append(there, pod)
			cache.SetPod(pod)
			if chance.IntN(5) == 0 { // some pod leaves
				gone := chance.IntN(len(there))
				cache.DeletePod(there[gone])
				there = slices.Delete(there, gone, gone+1)
			}
		}
	}
	t.Logf("%d pods were placed, %d refused", placed, refused)
	if placed < 500 || refused < 500 {
		t.Error("the clusters do not try the rules well")
	}
}

func randomNode(chance *rand.Rand, i int) *corev1.Node {
	n := testNode(fmt.Sprint("n", i), fmt.Sprint(1+chance.IntN(8)))
	n.Labels["zone"] = fmt.Sprint("z", chance.IntN(3))
	if chance.IntN(4) == 0 {
		n.Labels["disk"] = "ssd"
	}
	if chance.IntN(5) == 0 {
		n.Spec.Taints = []corev1.Taint{{Key: "special", Effect: corev1.TaintEffectNoSchedule}}
	}
	n.Spec.Unschedulable = chance.IntN(12) == 0
	n.Status.Allocatable[corev1.ResourcePods] = *resource.NewQuantity(int64(3+chance.IntN(10)), resource.DecimalSI)
	n.Status.Allocatable["example.com/gpu"] = *resource.NewQuantity(int64(chance.IntN(3)), resource.DecimalSI)
	return n
}

func randomPod(chance *rand.Rand, i int) *corev1.Pod {
	p := testPod(fmt.Sprint("p", i), fmt.Sprintf("%dm", 100*chance.IntN(15)))
	p.UID = types.UID(p.Name)
	p.Labels = map[string]string{"app": fmt.Sprint("a", chance.IntN(3))}
	c := &p.Spec.Containers[0]
	same := &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint("a", chance.IntN(3))}}
	term := []corev1.PodAffinityTerm{{LabelSelector: same, TopologyKey: []string{"zone", corev1.LabelHostname}[chance.IntN(2)]}}
	switch chance.IntN(9) {
	case 0:
		c.Resources.Requests["example.com/gpu"] = resource.MustParse("1")
	case 1:
		p.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	case 2:
		c.Ports = []corev1.ContainerPort{{HostPort: int32(8000 + chance.IntN(2)), Protocol: corev1.ProtocolTCP}}
	case 3:
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term}}
	case 4:
		p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term}}
	case 5:
		p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: same}}
	case 6:
		p.Spec.Tolerations = []corev1.Toleration{{Key: "special", Operator: corev1.TolerationOpExists}}
	}
	return p
}

// judge returns which rule keeps pod from node, given all that is there.
func judge(pod *corev1.Pod, node *corev1.Node, nodes []*corev1.Node, there []*corev1.Pod) string {
	if node.Spec.Unschedulable {
		return "it is cordoned"
	}
	if len(node.Spec.Taints) > 0 && len(pod.Spec.Tolerations) == 0 {
		return "it is tainted"
	}
	for key, value := range pod.Spec.NodeSelector {
		if node.Labels[key] != value {
			return "its labels do not match"
		}
	}
	count := int64(1)
	cpu, gpu := requested(pod)
	for _, other := range there {
		if other.Spec.NodeName != node.Name {
			continue
		}
		count++
		c, g := requested(other)
		cpu, gpu = cpu+c, gpu+g
		if a, b := pod.Spec.Containers[0].Ports, other.Spec.Containers[0].Ports; len(a) > 0 && len(b) > 0 && a[0].HostPort == b[0].HostPort {
			return "the port is taken"
		}
	}
	own, ownGPU := requested(pod)
	pods, cpus, gpus := node.Status.Allocatable[corev1.ResourcePods], node.Status.Allocatable[corev1.ResourceCPU], node.Status.Allocatable["example.com/gpu"]
	if count > pods.Value() || own > 0 && cpu > cpus.MilliValue() || ownGPU > 0 && gpu > gpus.Value() {
		return "it is overcommitted"
	}
	if why := judgeAffinity(pod, node, nodes, there); why != "" {
		return why
	}
	return judgeSpread(pod, node, nodes, there)
}

func requested(pod *corev1.Pod) (cpu, gpu int64) {
	requests := pod.Spec.Containers[0].Resources.Requests
	c, g := requests[corev1.ResourceCPU], requests["example.com/gpu"]
	return c.MilliValue(), g.Value()
}

func nodeOf(pod *corev1.Pod, nodes []*corev1.Node) *corev1.Node {
	return nodes[slices.IndexFunc(nodes, func(n *corev1.Node) bool { return n.Name == pod.Spec.NodeName })]
}

func selects(s *metav1.LabelSelector, pod *corev1.Pod) bool {
	return s.MatchLabels["app"] == pod.Labels["app"]
}

func judgeAffinity(pod *corev1.Pod, node *corev1.Node, nodes []*corev1.Node, there []*corev1.Pod) string {
	anti := func(p *corev1.Pod) []corev1.PodAffinityTerm {
		if p.Spec.Affinity == nil || p.Spec.Affinity.PodAntiAffinity == nil {
			return nil
		}
		return p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	near, any := false, false
	var want *corev1.PodAffinityTerm
	if pod.Spec.Affinity != nil && pod.Spec.Affinity.PodAffinity != nil {
		want = &pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
	}
	for _, other := range there {
		at := nodeOf(other, nodes)
		for _, term := range anti(pod) {
			if selects(term.LabelSelector, other) && at.Labels[term.TopologyKey] == node.Labels[term.TopologyKey] {
				return "its anti-affinity is broken"
			}
		}
		for _, term := range anti(other) {
			if selects(term.LabelSelector, pod) && at.Labels[term.TopologyKey] == node.Labels[term.TopologyKey] {
				return "another's anti-affinity is broken"
			}
		}
		if want != nil && selects(want.LabelSelector, other) {
			any = true
			near = near || at.Labels[want.TopologyKey] == node.Labels[want.TopologyKey]
		}
	}
	if want != nil && !near && (any || !selects(want.LabelSelector, pod)) {
		return "its affinity is broken"
	}
	return ""
}

func judgeSpread(pod *corev1.Pod, node *corev1.Node, nodes []*corev1.Node, there []*corev1.Pod) string {
	for _, c := range pod.Spec.TopologySpreadConstraints {
		zones := map[string]int{}
		for _, n := range nodes {
			zones[n.Labels["zone"]] += 0
		}
		for _, other := range there {
			if selects(c.LabelSelector, other) {
				zones[nodeOf(other, nodes).Labels["zone"]]++
			}
		}
		lowest := 1 << 30
		for _, n := range zones {
			lowest = min(lowest, n)
		}
		mine := zones[node.Labels["zone"]]
		if selects(c.LabelSelector, pod) {
			mine++
		}
		if mine-lowest > int(c.MaxSkew) {
			return "the skew is too large"
		}
	}
	return ""
}

// TestPreemptionRules checks that what is chosen to go is less important, does
// make room, and that none of it could stay.
func TestPreemptionRules(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tried := 0
	for round := range 200 {
		chance := rand.New(rand.NewPCG(seed, uint64(round)))
		node := cluster.NewNode(testNode("n", "8"))
		for i := range 20 {
			pod := cluster.NewPod(testPod(fmt.Sprint(i), fmt.Sprintf("%dm", 100+100*chance.IntN(20)), priority(int32(chance.IntN(5)))))
			if plugins.Fits(pod, node) == nil {
				node = node.With(pod)
			}
		}
		pod := cluster.NewPod(testPod("new", fmt.Sprintf("%dm", 500+chance.IntN(6000)), priority(int32(chance.IntN(6)))))
		if plugins.Fits(pod, node) == nil {
			continue
		}
		snapshot := cluster.NewSnapshot([]*cluster.Node{node}, nil)
		p := &placement{rules: newRules(&plugins.VolumeBinding{}, nil), chance: chance}
		found := p.preemptOn(snapshot, pod, node, nil)
		if found == nil {
			continue
		}
		tried++
		rest := node.Without(func(other *cluster.Pod) bool { return slices.Contains(found.victims, other) })
		if plugins.Fits(pod, rest) != nil {
			t.Fatalf("round %d: the victims do not make room", round)
		}
		for _, v := range found.victims {
			if v.Priority() >= pod.Priority() {
				t.Fatalf("round %d: a victim of priority %d for a pod of %d", round, v.Priority(), pod.Priority())
			}
			if plugins.Fits(pod, rest.With(v)) == nil {
				t.Fatalf("round %d: a victim could have stayed", round)
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d preemptions were tried", tried)
	}
}

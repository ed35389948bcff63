package plugins

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/scheduler/cluster"
)

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func node(change ...func(*corev1.Node)) *cluster.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"zone": "a", corev1.LabelHostname: "n"}},
		Status:     corev1.NodeStatus{Allocatable: amounts("cpu", "2", "memory", "4Gi", "pods", "3", "ephemeral-storage", "1Gi", "x.io/gpu", "1")},
	}
	for _, c := range change {
		c(n)
	}
	return cluster.NewNode(n)
}

func pod(change ...func(*corev1.Pod)) *cluster.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Labels: map[string]string{"app": "a"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
	for _, c := range change {
		c(p)
	}
	return cluster.NewPod(p)
}

func wants(pairs ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = amounts(pairs...) }
}

func hostPort(ip string, port int32, protocol corev1.Protocol) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostIP: ip, HostPort: port, Protocol: protocol}}
	}
}

func inits(always bool, cpu ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		for _, c := range cpu {
			init := corev1.Container{Resources: corev1.ResourceRequirements{Requests: amounts("cpu", c)}}
			if always {
				policy := corev1.ContainerRestartPolicyAlways
				init.RestartPolicy = &policy
			}
			p.Spec.InitContainers = append(p.Spec.InitContainers, init)
		}
	}
}

func tainted(effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "k", Value: "v", Effect: effect}} }
}

func tolerates(t corev1.Toleration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{t} }
}

func restartsAll(p *corev1.Pod) {
	p.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}}
}

func declaring(features ...string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Status.DeclaredFeatures = features }
}

// TestFilters tries each filter alone, on one node. An empty want lets pass; a
// want that ends in "!" is final.
func TestFilters(t *testing.T) {
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	cases := []struct {
		name   string
		filter Filter
		pod    *cluster.Pod
		node   *cluster.Node
		want   string
	}{
		{"fits exactly", NodeResourcesFit{}, pod(wants("cpu", "1")), node().With(pod(wants("cpu", "1"))), ""},
		{"cpu", NodeResourcesFit{}, pod(wants("cpu", "1500m")), node().With(pod(wants("cpu", "1"))), "Insufficient cpu"},
		{"more than there is", NodeResourcesFit{}, pod(wants("cpu", "3")), node(), "Insufficient cpu!"},
		{"two reasons", NodeResourcesFit{}, pod(wants("cpu", "2", "memory", "4Gi")), node().With(pod(wants("cpu", "1", "memory", "1Gi"))), "Insufficient cpu, Insufficient memory"},
		{"storage", NodeResourcesFit{}, pod(wants("ephemeral-storage", "2Gi")), node(), "Insufficient ephemeral-storage!"},
		{"extended", NodeResourcesFit{}, pod(wants("x.io/gpu", "1")), node().With(pod(wants("x.io/gpu", "1"))), "Insufficient x.io/gpu"},
		{"unknown resource", NodeResourcesFit{}, pod(wants("y.io/gpu", "1")), node(), "Insufficient y.io/gpu!"},
		{"nothing wanted of what is gone", NodeResourcesFit{}, pod(), node().With(pod(wants("cpu", "9"))), ""},
		{"pods", NodeResourcesFit{}, pod(), node().With(pod(), pod(), pod()), "Too many pods"},
		{"largest init container", NodeResourcesFit{}, pod(inits(false, "1", "1500m")), node(), ""},
		{"init container too large", NodeResourcesFit{}, pod(inits(false, "1", "2500m")), node(), "Insufficient cpu!"},
		{"sidecars add up", NodeResourcesFit{}, pod(inits(true, "1", "600m"), wants("cpu", "500m")), node(), "Insufficient cpu!"},
		{"overhead", NodeResourcesFit{}, pod(wants("cpu", "2"), func(p *corev1.Pod) { p.Spec.Overhead = amounts("cpu", "1m") }), node(), "Insufficient cpu!"},

		{"same port", NodePorts{}, pod(hostPort("", 80, "TCP")), node().With(pod(hostPort("", 80, ""))), "node(s) didn't have free ports for the requested pod ports"},
		{"another protocol", NodePorts{}, pod(hostPort("", 80, "UDP")), node().With(pod(hostPort("", 80, "TCP"))), ""},
		{"another address", NodePorts{}, pod(hostPort("10.0.0.1", 80, "TCP")), node().With(pod(hostPort("10.0.0.2", 80, "TCP"))), ""},
		{"any address", NodePorts{}, pod(hostPort("10.0.0.1", 80, "TCP")), node().With(pod(hostPort("0.0.0.0", 80, "TCP"))), "node(s) didn't have free ports for the requested pod ports"},

		{"taint", TaintToleration{}, pod(), node(tainted(corev1.TaintEffectNoSchedule)), "node(s) had untolerated taint(s)!"},
		{"tolerated", TaintToleration{}, pod(tolerates(corev1.Toleration{Key: "k", Value: "v"})), node(tainted(corev1.TaintEffectNoExecute)), ""},
		{"tolerated in another effect", TaintToleration{}, pod(tolerates(corev1.Toleration{Key: "k", Value: "v", Effect: corev1.TaintEffectNoExecute})), node(tainted(corev1.TaintEffectNoSchedule)), "node(s) had untolerated taint(s)!"},
		{"soft taint", TaintToleration{}, pod(), node(tainted(corev1.TaintEffectPreferNoSchedule)), ""},

		{"cordoned", NodeUnschedulable{}, pod(), node(cordoned), "node(s) were unschedulable!"},
		{"cordoned, tolerated", NodeUnschedulable{}, pod(tolerates(corev1.Toleration{Operator: corev1.TolerationOpExists})), node(cordoned), ""},
		{"a feature that no node has", NodeDeclaredFeatures{}, pod(restartsAll), node(), "node(s) didn't match Pod's required features!"},
		{"a feature that the node has", NodeDeclaredFeatures{}, pod(restartsAll), node(declaring("RestartAllContainersOnContainerExits", "SomethingNew")), ""},
		{"another feature", NodeDeclaredFeatures{}, pod(restartsAll), node(declaring("SomethingNew")), "node(s) didn't match Pod's required features!"},
		{"no feature is needed", NodeDeclaredFeatures{}, pod(), node(), ""},
		{"selector", NodeAffinity{}, pod(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"zone": "a"} }), node(), ""},
		{"selector, other value", NodeAffinity{}, pod(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"zone": "b"} }), node(), "node(s) didn't match Pod's node affinity/selector!"},
		{"affinity Gt", NodeAffinity{}, pod(nodeAffinity("size", corev1.NodeSelectorOpGt, "3")), node(func(n *corev1.Node) { n.Labels["size"] = "4" }), ""},
		{"affinity NotIn", NodeAffinity{}, pod(nodeAffinity("zone", corev1.NodeSelectorOpNotIn, "a")), node(), "node(s) didn't match Pod's node affinity/selector!"},

		{"anti-affinity", InterPodAffinity{}, pod(podAntiAffinity), node().With(pod()), "node(s) didn't match pod anti-affinity rules"},
		{"another's anti-affinity", InterPodAffinity{}, pod(), node().With(pod(podAntiAffinity)), "node(s) didn't satisfy existing pods anti-affinity rules"},
		{"anti-affinity in another namespace", InterPodAffinity{}, pod(podAntiAffinity), node().With(pod(func(p *corev1.Pod) { p.Namespace = "other" })), ""},
	}
	for _, c := range cases {
		snapshot := cluster.NewSnapshot([]*cluster.Node{c.node}, func(string) labels.Set { return nil })
		got := ""
		ready, refusal := c.filter.Prepare(snapshot, c.pod)
		if refusal == nil && ready.Check != nil {
			refusal = ready.Check(c.node)
		}
		if refusal != nil {
			got = strings.Join(refusal.Reasons, ", ")
			if refusal.Final {
				got += "!"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func nodeAffinity(key string, op corev1.NodeSelectorOperator, values ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: op, Values: values}}}},
		}}}
	}
}

func podAntiAffinity(p *corev1.Pod) {
	p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}, TopologyKey: "zone",
	}}}}
}

// TestScores asks each scorer which of two nodes it likes better.
func TestScores(t *testing.T) {
	named := func(name, zone string) func(*corev1.Node) {
		return func(n *corev1.Node) {
			n.Name = name
			n.Labels = map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone, "zone": zone}
		}
	}
	prefers := func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 7, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}}},
		}}}}
	}
	near := func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 5, PodAffinityTerm: corev1.PodAffinityTerm{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}, TopologyKey: "zone"},
		}}}}
	}
	siblings := PodTopologySpread{Siblings: func(p *corev1.Pod) labels.Selector { return labels.SelectorFromSet(p.Labels) }}
	image := func(n *corev1.Node) {
		n.Status.Images = []corev1.ContainerImage{{Names: []string{"x:latest"}, SizeBytes: 1 << 30}}
	}
	cases := []struct {
		name          string
		scorer        Scorer
		pod           *cluster.Pod
		better, worse *cluster.Node
	}{
		{"least allocated", NodeResourcesFit{}, pod(), node(named("1", "a")), node(named("2", "b")).With(pod(wants("cpu", "1")))},
		{"balanced", NodeResourcesBalancedAllocation{}, pod(wants("cpu", "1", "memory", "2Gi")), node(named("1", "a")), node(named("2", "b")).With(pod(wants("cpu", "1")))},
		{"preferred node", NodeAffinity{}, pod(prefers), node(named("1", "a")), node(named("2", "b"))},
		{"soft taint", TaintToleration{}, pod(), node(named("1", "a")), node(named("2", "b"), tainted(corev1.TaintEffectPreferNoSchedule))},
		{"siblings apart", siblings, pod(), node(named("1", "a")), node(named("2", "b")).With(pod())},
		{"near others", InterPodAffinity{}, pod(near), node(named("1", "a")).With(pod()), node(named("2", "b"))},
		{"others like it near", InterPodAffinity{}, pod(), node(named("1", "a")).With(pod(near)), node(named("2", "b"))},
		{"image", ImageLocality{}, pod(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "x" }), node(named("1", "a"), image), node(named("2", "b"))},
	}
	for _, c := range cases {
		nodes := []*cluster.Node{c.worse, c.better}
		scores := make([]int64, 2)
		ok := c.scorer.Score(cluster.NewSnapshot(nodes, func(string) labels.Set { return nil }), c.pod, nodes, scores)
		if !ok || scores[1] <= scores[0] || scores[0] < 0 || scores[1] > MaxScore {
			t.Errorf("%s: opinion %v, scores %v", c.name, ok, scores)
		}
	}
}

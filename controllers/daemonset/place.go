package daemonset

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"minke/client"
	"minke/controllers/history"
	"minke/controllers/podcontrol"
)

// tolerated are the taints that every daemon bears: a node in trouble needs
// its daemons most.
var tolerated = []corev1.Toleration{
	{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
	{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
	{Key: corev1.TaintNodeDiskPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodePIDPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
}

var hostTolerated = corev1.Toleration{Key: corev1.TaintNodeNetworkUnavailable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}

// podFor makes the daemon of a node. The scheduler binds it, held to the node
// by an affinity.
func (p *pass) podFor(node string) *corev1.Pod {
	pod := podcontrol.FromTemplate(&p.ds.Spec.Template, p.ds, client.DaemonSets.GroupVersionKind())
	metav1.SetMetaDataLabel(&pod.ObjectMeta, history.HashLabel, p.hash)
	pod.Spec.Tolerations = tolerations(pod)
	term := corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{
		Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
	}}}
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}
	return pod
}

func tolerations(pod *corev1.Pod) []corev1.Toleration {
	all := pod.Spec.Tolerations
	add := func(t corev1.Toleration) {
		for i := range all {
			if all[i].MatchToleration(&t) {
				return
			}
		}
		all = append(all, t)
	}
	for _, t := range tolerated {
		add(t)
	}
	if pod.Spec.HostNetwork {
		add(hostTolerated)
	}
	return all
}

// target is the node that the pod is on, or is held to.
func target(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName
	}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, f := range term.MatchFields {
				if f.Key == metav1.ObjectNameField && f.Operator == corev1.NodeSelectorOpIn && len(f.Values) == 1 {
					return f.Values[0]
				}
			}
		}
	}
	return ""
}

// place tells whether a daemon should run on the node, and whether one that
// does may stay.
func (p *pass) place(node *corev1.Node) (run, stay bool) {
	known, ok := p.places[node.Name]
	if !ok {
		known.run, known.stay = p.findPlace(node)
		p.places[node.Name] = known
	}
	return known.run, known.stay
}

func (p *pass) findPlace(node *corev1.Node) (run, stay bool) {
	pod := &corev1.Pod{Spec: p.ds.Spec.Template.Spec}
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != node.Name {
		return false, false
	}
	if fits, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !fits {
		return false, false
	}
	run, stay = true, true
	all := tolerations(pod)
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || bears(all, taint) {
			continue
		}
		run = false
		if taint.Effect == corev1.TaintEffectNoExecute {
			stay = false
		}
	}
	return run, stay
}

func bears(all []corev1.Toleration, taint *corev1.Taint) bool {
	for i := range all {
		t := &all[i]
		if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
			continue
		}
		if t.Operator == corev1.TolerationOpExists || (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == taint.Value {
			return true
		}
	}
	return false
}

package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// replacedLabels are node labels that were renamed or dropped.
var replacedLabels = map[string]string{
	"beta.kubernetes.io/arch":                       `deprecated since v1.14; use "kubernetes.io/arch" instead`,
	"beta.kubernetes.io/os":                         `deprecated since v1.14; use "kubernetes.io/os" instead`,
	"failure-domain.beta.kubernetes.io/region":      `deprecated since v1.17; use "topology.kubernetes.io/region" instead`,
	"failure-domain.beta.kubernetes.io/zone":        `deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
	"beta.kubernetes.io/instance-type":              `deprecated since v1.17; use "node.kubernetes.io/instance-type" instead`,
	"app.kubernetes.io/created-by":                  `deprecated since v1.9`,
	"scheduler.alpha.kubernetes.io/preferAvoidPods": `deprecated since v1.22; use Taints and Tolerations instead`,
	"node-role.kubernetes.io/master":                `use "node-role.kubernetes.io/control-plane" instead`,
}

// ReplacedLabel says what is to be used instead of a node label, if it is old.
func ReplacedLabel(key string) (string, bool) {
	text, ok := replacedLabels[key]
	return text, ok
}

// LabelSelectorWarnings are about old node labels in a selector of nodes.
func LabelSelectorWarnings(s *metav1.LabelSelector, path *field.Path) []string {
	if s == nil {
		return nil
	}
	var all warnings
	for i, r := range s.MatchExpressions {
		all.replaced(r.Key, path.Child("matchExpressions").Index(i).Child("key"))
	}
	for _, key := range sorted(s.MatchLabels) {
		if text, ok := replacedLabels[key]; ok {
			all.add(path.Child("matchLabels").Child(key), "%s", text)
		}
	}
	return all
}

// NodeSelectorWarnings are those about the terms of a selector.
func NodeSelectorWarnings(s *corev1.NodeSelector, path *field.Path) []string {
	if s == nil {
		return nil
	}
	var all warnings
	for i, t := range s.NodeSelectorTerms {
		all.nodeTerm(t, false, path.Child("nodeSelectorTerms").Index(i))
	}
	return all
}

func (w *warnings) replaced(key string, path *field.Path) {
	if text, ok := replacedLabels[key]; ok {
		w.add(path, "%s is %s", key, text)
	}
}

// nodeTerm warns of the values where validation lets any stand.
func (w *warnings) nodeTerm(t corev1.NodeSelectorTerm, values bool, path *field.Path) {
	for i, r := range t.MatchExpressions {
		at := path.Child("matchExpressions").Index(i)
		w.replaced(r.Key, at.Child("key"))
		if !values {
			continue
		}
		for j, v := range r.Values {
			for _, msg := range validation.IsValidLabelValue(v) {
				w.add(at.Child("values").Index(j), "%s is invalid, %s", v, msg)
			}
		}
	}
}

// scheduling warns about old node labels and about spreading that selects nothing.
func (w *warnings) scheduling(s *corev1.PodSpec, path *field.Path) {
	for _, key := range sorted(s.NodeSelector) {
		if text, ok := replacedLabels[key]; ok {
			w.add(path.Child("nodeSelector").Key(key), "%s", text)
		}
	}
	if s.Affinity != nil && s.Affinity.NodeAffinity != nil {
		a, at := s.Affinity.NodeAffinity, path.Child("affinity", "nodeAffinity")
		*w = append(*w, NodeSelectorWarnings(a.RequiredDuringSchedulingIgnoredDuringExecution, at.Child("requiredDuringSchedulingIgnoredDuringExecution"))...)
		for i, t := range a.PreferredDuringSchedulingIgnoredDuringExecution {
			w.nodeTerm(t.Preference, true, at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("preference"))
		}
	}
	for i, c := range s.TopologySpreadConstraints {
		at := path.Child("topologySpreadConstraints").Index(i)
		w.replaced(c.TopologyKey, at.Child("topologyKey"))
		w.nullSelector(c.LabelSelector, at)
	}
}

// affinities warns about terms that match no pod.
func (w *warnings) affinities(affinity *corev1.Affinity, at *field.Path) {
	if affinity == nil {
		return
	}
	if a := affinity.PodAffinity; a != nil {
		w.affinityTerms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, at.Child("podAffinity"))
	}
	if a := affinity.PodAntiAffinity; a != nil {
		w.affinityTerms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, at.Child("podAntiAffinity"))
	}
}

func (w *warnings) affinityTerms(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, path *field.Path) {
	for i, t := range required {
		w.nullSelector(t.LabelSelector, path.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i))
	}
	for i, t := range preferred {
		w.nullSelector(t.PodAffinityTerm.LabelSelector, path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("podAffinityTerm"))
	}
}

func (w *warnings) nullSelector(s *metav1.LabelSelector, path *field.Path) {
	if s == nil {
		w.add(path.Child("labelSelector"), "a null labelSelector results in matching no pod")
	}
}

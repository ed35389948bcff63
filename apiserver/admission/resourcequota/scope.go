package resourcequota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

// matches tells whether the object falls under the quota's scopes. A quota with
// scopes is about pods only.
func matches(q *corev1.ResourceQuota, obj api.Object) bool {
	var terms []corev1.ScopedResourceSelectorRequirement
	for _, scope := range q.Spec.Scopes {
		terms = append(terms, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		terms = append(terms, q.Spec.ScopeSelector.MatchExpressions...)
	}
	if len(terms) == 0 {
		return true
	}
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return false
	}
	for _, term := range terms {
		if !inScope(term, pod) {
			return false
		}
	}
	return true
}

func inScope(term corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	switch term.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return terminating(pod)
	case corev1.ResourceQuotaScopeNotTerminating:
		return !terminating(pod)
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossNamespace(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		class := pod.Spec.PriorityClassName
		switch term.Operator {
		case corev1.ScopeSelectorOpExists:
			return class != ""
		case corev1.ScopeSelectorOpDoesNotExist:
			return class == ""
		case corev1.ScopeSelectorOpIn:
			return slices.Contains(term.Values, class)
		case corev1.ScopeSelectorOpNotIn:
			return !slices.Contains(term.Values, class)
		}
	}
	return false
}

func terminating(pod *corev1.Pod) bool {
	return pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
}

// bestEffort tells whether no container asks for any cpu or memory.
func bestEffort(pod *corev1.Pod) bool {
	some := func(list corev1.ResourceList) bool {
		return !list.Cpu().IsZero() || !list.Memory().IsZero()
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			if some(c.Resources.Requests) || some(c.Resources.Limits) {
				return false
			}
		}
	}
	return pod.Spec.Resources == nil || !some(pod.Spec.Resources.Requests) && !some(pod.Spec.Resources.Limits)
}

// crossNamespace tells whether the pod's affinity looks into other namespaces.
func crossNamespace(pod *corev1.Pod) bool {
	if pod.Spec.Affinity == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	add := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for _, p := range preferred {
			terms = append(terms, p.PodAffinityTerm)
		}
	}
	if x := pod.Spec.Affinity.PodAffinity; x != nil {
		add(x.RequiredDuringSchedulingIgnoredDuringExecution, x.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if x := pod.Spec.Affinity.PodAntiAffinity; x != nil {
		add(x.RequiredDuringSchedulingIgnoredDuringExecution, x.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool { return len(t.Namespaces) > 0 || t.NamespaceSelector != nil })
}

package quota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Scopes are all that the quota requires of what it counts.
func Scopes(q *corev1.ResourceQuota) []corev1.ScopedResourceSelectorRequirement {
	var out []corev1.ScopedResourceSelectorRequirement
	for _, scope := range q.Spec.Scopes {
		out = append(out, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		out = append(out, q.Spec.ScopeSelector.MatchExpressions...)
	}
	return out
}

// Covers tells whether the object is in all scopes of the quota. One with scopes
// is about pods and volume claims alone.
func Covers(q *corev1.ResourceQuota, obj runtime.Object) bool {
	return !slices.ContainsFunc(Scopes(q), func(r corev1.ScopedResourceSelectorRequirement) bool { return !InScope(r, obj) })
}

// SameScopes tells that no scope covers one of the two and not the other, but for
// those that cannot change in a pod's life.
func SameScopes(old, obj runtime.Object) bool {
	switch o := obj.(type) {
	case *corev1.Pod:
		before, ok := old.(*corev1.Pod)
		return ok && Terminating(before) == Terminating(o)
	case *corev1.PersistentVolumeClaim:
		before, ok := old.(*corev1.PersistentVolumeClaim)
		return ok && slices.Equal(AttributesClasses(before), AttributesClasses(o))
	}
	return true
}

// InScope tells whether the object is in the scope.
func InScope(r corev1.ScopedResourceSelectorRequirement, obj runtime.Object) bool {
	switch o := obj.(type) {
	case *corev1.Pod:
		return podInScope(r, o)
	case *corev1.PersistentVolumeClaim:
		return r.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass && chosen(r, AttributesClasses(o))
	}
	return false
}

func podInScope(r corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return Terminating(pod)
	case corev1.ResourceQuotaScopeNotTerminating:
		return !Terminating(pod)
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossesNamespaces(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		if pod.Spec.PriorityClassName == "" {
			return chosen(r, nil)
		}
		return chosen(r, []string{pod.Spec.PriorityClassName})
	}
	return false
}

// chosen tells whether the requirement holds for any of the names that an object
// has, or for none when it has none.
func chosen(r corev1.ScopedResourceSelectorRequirement, names []string) bool {
	listed := func(name string) bool { return slices.Contains(r.Values, name) }
	switch r.Operator {
	case corev1.ScopeSelectorOpExists:
		return len(names) > 0
	case corev1.ScopeSelectorOpDoesNotExist:
		return len(names) == 0
	case corev1.ScopeSelectorOpIn:
		return slices.ContainsFunc(names, listed)
	case corev1.ScopeSelectorOpNotIn:
		return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !listed(name) })
	}
	return false
}

// Terminating tells whether the pod's life is bounded.
func Terminating(pod *corev1.Pod) bool {
	return pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
}

// bestEffort tells whether the pod asks for no cpu and no memory. What the pod
// says as a whole stands for its containers (KEP-2837).
func bestEffort(pod *corev1.Pod) bool {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass == corev1.PodQOSBestEffort
	}
	some := func(list corev1.ResourceList) bool { return list.Cpu().Sign() > 0 || list.Memory().Sign() > 0 }
	if resourcehelper.IsPodLevelResourcesSet(pod) {
		return !some(pod.Spec.Resources.Requests) && !some(pod.Spec.Resources.Limits)
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if some(list[i].Resources.Requests) || some(list[i].Resources.Limits) {
				return false
			}
		}
	}
	return true
}

// crossesNamespaces tells whether the pod's affinity looks into other namespaces.
func crossesNamespaces(pod *corev1.Pod) bool {
	a := pod.Spec.Affinity
	if a == nil {
		return false
	}
	crosses := func(t corev1.PodAffinityTerm) bool { return len(t.Namespaces) > 0 || t.NamespaceSelector != nil }
	any := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) bool {
		return slices.ContainsFunc(required, crosses) ||
			slices.ContainsFunc(preferred, func(w corev1.WeightedPodAffinityTerm) bool { return crosses(w.PodAffinityTerm) })
	}
	return a.PodAffinity != nil && any(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution) ||
		a.PodAntiAffinity != nil && any(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
}

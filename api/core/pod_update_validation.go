package core

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// updateForbidden is the answer to changes of a pod's specification.
const updateForbidden = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// validatePodUpdate lets almost nothing of a pod's specification change: a pod
// is replaced, not altered. What may change is made equal first; what still
// differs then is refused.
func validatePodUpdate(p, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	annotations := annotationUpdate(p.Annotations, old.Annotations, field.NewPath("metadata", "annotations"))
	if equality.Semantic.DeepEqual(&p.Spec, &old.Spec) {
		// What was valid is so still, unless an annotation about it is not.
		v, before := &specCheck{spec: &p.Spec, meta: &p.ObjectMeta, annotations: p.Annotations}, &specCheck{spec: &old.Spec, annotations: old.Annotations}
		errs := v.annotated(field.NewPath("metadata", "annotations"))
		if v.broken != 0 {
			before.annotated(nil)
			again := &specCheck{spec: v.spec, meta: v.meta, annotations: v.annotations, ratchet: ratchet{waived: before.broken}}
			errs = again.annotated(field.NewPath("metadata", "annotations"))
		}
		return append(errs, annotations...)
	}
	errs := append(validatePodMetaAndSpec(p, old), annotations...)
	for _, list := range []struct {
		name     string
		now, old []corev1.Container
	}{{"containers", p.Spec.Containers, old.Spec.Containers}, {"initContainers", p.Spec.InitContainers, old.Spec.InitContainers}} {
		if len(list.now) != len(list.old) {
			return append(errs, field.Forbidden(path.Child(list.name), "pod updates may not add or remove containers"))
		}
	}
	late, stop := deadlineUpdate(p.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))
	if errs = append(errs, late...); stop {
		return errs
	}
	errs = append(errs, tolerationsUpdate(p.Spec.Tolerations, old.Spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, gatesUpdate(p.Spec.SchedulingGates, old.Spec.SchedulingGates, path.Child("schedulingGates"))...)
	s := leveled(p, old)
	if len(old.Spec.SchedulingGates) > 0 {
		errs = append(errs, placeUpdate(s, &old.Spec, path)...)
	}
	if !equality.Semantic.DeepEqual(s, &old.Spec) {
		errs = append(errs, field.Forbidden(path, updateForbidden+"\n"+difference(&old.Spec, s)))
	}
	return errs
}

// leveled returns p's specification with all that may change made as in old.
func leveled(p, old *corev1.Pod) *corev1.PodSpec {
	s := p.Spec.DeepCopy()
	for i := range s.Containers {
		s.Containers[i].Image = old.Spec.Containers[i].Image
	}
	for i := range s.InitContainers {
		s.InitContainers[i].Image = old.Spec.InitContainers[i].Image
	}
	s.ActiveDeadlineSeconds = old.Spec.ActiveDeadlineSeconds
	s.Tolerations = old.Spec.Tolerations
	s.SchedulingGates = old.Spec.SchedulingGates
	if t := old.Spec.TerminationGracePeriodSeconds; t != nil && *t < 0 && s.TerminationGracePeriodSeconds != nil && *s.TerminationGracePeriodSeconds == 1 {
		s.TerminationGracePeriodSeconds = t
	}
	return s
}

// placeUpdate lets a pod that is held back be told more about where to run
// (KEP-3838), and makes the rest of s as in old.
func placeUpdate(s, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !narrows(s.NodeSelector, old.NodeSelector) {
		errs = append(errs, field.Invalid(path.Child("nodeSelector"), s.NodeSelector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
	}
	s.NodeSelector = old.NodeSelector
	var now, before *corev1.NodeAffinity
	if s.Affinity != nil {
		now = s.Affinity.NodeAffinity
	}
	if old.Affinity != nil {
		before = old.Affinity.NodeAffinity
	}
	if equality.Semantic.DeepEqual(now, before) {
		return errs
	}
	errs = append(errs, nodeAffinityUpdate(now, before, path.Child("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"))...)
	switch {
	case s.Affinity == nil:
		s.Affinity = &corev1.Affinity{NodeAffinity: before}
	case old.Affinity == nil && s.Affinity.PodAffinity == nil && s.Affinity.PodAntiAffinity == nil:
		s.Affinity = nil
	default:
		s.Affinity.NodeAffinity = before
	}
	return errs
}

func narrows(selector, old map[string]string) bool {
	for key, value := range old {
		if v, ok := selector[key]; !ok || v != value {
			return false
		}
	}
	return true
}

// nodeAffinityUpdate lets terms that are there get more requirements, which must
// all hold, but no more terms, of which one is enough.
func nodeAffinityUpdate(a, old *corev1.NodeAffinity, path *field.Path) field.ErrorList {
	if old == nil || old.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	before := old.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	var terms []corev1.NodeSelectorTerm
	if a != nil && a.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		terms = a.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	if len(before) > 0 && len(before) != len(terms) {
		return field.ErrorList{field.Invalid(path, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	var errs field.ErrorList
	for i := range before {
		if !onlyAdded(&terms[i], &before[i]) {
			errs = append(errs, field.Invalid(path.Index(i), terms[i], "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

func onlyAdded(t, old *corev1.NodeSelectorTerm) bool {
	if len(old.MatchExpressions)+len(old.MatchFields) == 0 && len(t.MatchExpressions)+len(t.MatchFields) > 0 {
		return false // an empty term matches nothing, and more would match something
	}
	begins := func(now, before []corev1.NodeSelectorRequirement) bool {
		return len(now) >= len(before) && equality.Semantic.DeepEqual(now[:len(before)], before)
	}
	return (len(old.MatchExpressions) == 0 || begins(t.MatchExpressions, old.MatchExpressions)) &&
		(len(old.MatchFields) == 0 || begins(t.MatchFields, old.MatchFields))
}

// deadlineUpdate lets a deadline be set, and come nearer; stop tells that nothing
// further is looked at.
func deadlineUpdate(seconds, old *int64, path *field.Path) (errs field.ErrorList, stop bool) {
	switch {
	case seconds == nil && old != nil:
		return field.ErrorList{field.Invalid(path, seconds, "must not update from a positive integer to nil value")}, false
	case seconds == nil:
		return nil, false
	case *seconds < 0 || *seconds > math.MaxInt32:
		return field.ErrorList{field.Invalid(path, *seconds, validation.InclusiveRangeError(0, math.MaxInt32))}, true
	case old != nil && *seconds > *old:
		return field.ErrorList{field.Invalid(path, *seconds, "must be less than or equal to previous value")}, true
	}
	return nil, false
}

// tolerationsUpdate lets tolerations be added, and the seconds of those that
// stand change.
func tolerationsUpdate(tolerations, old []corev1.Toleration, path *field.Path) field.ErrorList {
	for _, before := range old {
		before.TolerationSeconds = nil
		found := false
		for _, t := range tolerations {
			t.TolerationSeconds = nil
			found = found || t == before
		}
		if !found {
			return field.ErrorList{field.Forbidden(path, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

func gatesUpdate(gates, old []corev1.PodSchedulingGate, path *field.Path) field.ErrorList {
	had := map[string]bool{}
	for _, gate := range old {
		had[gate.Name] = true
	}
	var errs field.ErrorList
	for i, gate := range gates {
		if !had[gate.Name] {
			errs = append(errs, field.Forbidden(path.Index(i).Child("name"), fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", gate.Name)))
		}
	}
	return errs
}

func validateEphemeralContainers(p, old *corev1.Pod) field.ErrorList {
	if _, mirror := old.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers")}
	}
	path := field.NewPath("spec", "ephemeralContainers")
	errs := validatePodMetaAndSpec(p, old)
	now := map[string]*corev1.EphemeralContainer{}
	for i := range p.Spec.EphemeralContainers {
		now[p.Spec.EphemeralContainers[i].Name] = &p.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		before := &old.Spec.EphemeralContainers[i]
		switch after, ok := now[before.Name]; {
		case !ok:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", before.Name)))
		case !equality.Semantic.DeepEqual(before, after):
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%s", before.Name, difference(before, after))))
		}
	}
	return errs
}

package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// updateForbidden is the answer to changes of a pod's specification.
const updateForbidden = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// validatePodUpdate lets almost nothing of a pod's specification change: a pod
// is replaced, not altered. What may change is made equal first; what still
// differs then is refused.
func validatePodUpdate(p, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	for name, counts := range map[string][2]int{
		"containers":     {len(p.Spec.Containers), len(old.Spec.Containers)},
		"initContainers": {len(p.Spec.InitContainers), len(old.Spec.InitContainers)},
	} {
		if counts[0] != counts[1] {
			errs = append(errs, field.Forbidden(path.Child(name), "pod updates may not add or remove containers"))
		}
	}
	if len(errs) > 0 {
		return errs
	}
	for i := range p.Spec.Containers {
		errs = append(errs, required(path.Child("containers").Index(i).Child("image"), p.Spec.Containers[i].Image)...)
	}
	for i := range p.Spec.InitContainers {
		errs = append(errs, required(path.Child("initContainers").Index(i).Child("image"), p.Spec.InitContainers[i].Image)...)
	}
	errs = append(errs, deadlineUpdate(p.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	errs = append(errs, tolerationsUpdate(p.Spec.Tolerations, old.Spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, gatesUpdate(p.Spec.SchedulingGates, old.Spec.SchedulingGates, path.Child("schedulingGates"))...)
	if len(errs) > 0 {
		return errs
	}
	if !equality.Semantic.DeepEqual(leveled(p, old), &old.Spec) {
		errs = append(errs, field.Forbidden(path, updateForbidden))
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
	if len(old.Spec.SchedulingGates) > 0 && narrows(s.NodeSelector, old.Spec.NodeSelector) {
		// A pod that is held back may still be told more about where to run (KEP-3838).
		s.NodeSelector = old.Spec.NodeSelector
		if old.Spec.Affinity == nil || old.Spec.Affinity.NodeAffinity == nil {
			s.Affinity = withoutNodeAffinity(s.Affinity, old.Spec.Affinity)
		}
	}
	return s
}

func narrows(selector, old map[string]string) bool {
	for key, value := range old {
		if v, ok := selector[key]; !ok || v != value {
			return false
		}
	}
	return true
}

func withoutNodeAffinity(a, old *corev1.Affinity) *corev1.Affinity {
	if a == nil {
		return nil
	}
	a.NodeAffinity = nil
	if old == nil && a.PodAffinity == nil && a.PodAntiAffinity == nil {
		return nil
	}
	return a
}

func deadlineUpdate(seconds, old *int64, path *field.Path) field.ErrorList {
	if old == nil {
		return nil
	}
	if seconds == nil {
		return field.ErrorList{field.Invalid(path, seconds, "must not update from a positive integer to nil value")}
	}
	if *seconds > *old {
		return field.ErrorList{field.Invalid(path, *seconds, "must be less than or equal to previous value")}
	}
	return nil
}

// tolerationsUpdate lets tolerations be added, and the seconds of those that
// stand change.
func tolerationsUpdate(tolerations, old []corev1.Toleration, path *field.Path) field.ErrorList {
	for _, before := range old {
		before.TolerationSeconds = nil
		found := false
		for _, t := range tolerations {
			t.TolerationSeconds = nil
			found = found || equality.Semantic.DeepEqual(t, before)
		}
		if !found {
			return field.ErrorList{field.Forbidden(path, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return validateTolerations(tolerations, path)
}

func gatesUpdate(gates, old []corev1.PodSchedulingGate, path *field.Path) field.ErrorList {
	had := map[string]bool{}
	for _, gate := range old {
		had[gate.Name] = true
	}
	var errs field.ErrorList
	for i, gate := range gates {
		if !had[gate.Name] {
			errs = append(errs, field.Forbidden(path.Index(i), fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", gate.Name)))
		}
	}
	return errs
}

func validatePodStatusUpdate(p, old *corev1.Pod) field.ErrorList {
	if p.Spec.NodeName != old.Spec.NodeName {
		return field.ErrorList{field.Forbidden(field.NewPath("status", "nodeName"), "may not be changed directly")}
	}
	path := field.NewPath("status", "containerStatuses")
	// Once the pod may not restart a container, the container stays ended.
	if old.Spec.RestartPolicy == corev1.RestartPolicyAlways {
		return nil
	}
	ended := map[string]*corev1.ContainerStateTerminated{}
	for i := range old.Status.ContainerStatuses {
		ended[old.Status.ContainerStatuses[i].Name] = old.Status.ContainerStatuses[i].State.Terminated
	}
	ownRules := map[string]bool{}
	for i := range old.Spec.Containers {
		ownRules[old.Spec.Containers[i].Name] = old.Spec.Containers[i].RestartPolicy != nil
	}
	var errs field.ErrorList
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		before := ended[c.Name]
		if before == nil || c.State.Terminated != nil || ownRules[c.Name] {
			continue
		}
		if old.Spec.RestartPolicy == corev1.RestartPolicyOnFailure && before.ExitCode != 0 {
			continue
		}
		errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
	}
	return errs
}

func validateEphemeralContainers(p, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec", "ephemeralContainers")
	_, volumes := validateVolumes(p.Spec.Volumes, field.NewPath("spec", "volumes"))
	errs := containerCheck{spec: &p.Spec, volumes: volumes}.ephemeralContainers(path)
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
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n", before.Name)))
		}
	}
	return errs
}

func validateResize(p, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := ValidatePodSpec(&p.Spec, path)
	if QOSClass(p) != QOSClass(old) {
		errs = append(errs, field.Invalid(path, QOSClass(p), "Pod QOS Class may not change as a result of resizing"))
	}
	if len(p.Spec.Containers) != len(old.Spec.Containers) || len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return append(errs, field.Forbidden(path.Child("containers"), "pod updates may not add or remove containers"))
	}
	for i := range p.Spec.Containers {
		now, before := p.Spec.Containers[i].Resources.DeepCopy(), old.Spec.Containers[i].Resources.DeepCopy()
		for _, r := range []*corev1.ResourceRequirements{now, before} {
			for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
				delete(list, corev1.ResourceCPU)
				delete(list, corev1.ResourceMemory)
			}
		}
		if !equality.Semantic.DeepEqual(now, before) {
			errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable"))
		}
	}
	return errs
}

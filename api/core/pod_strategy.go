package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func podCreate(p *corev1.Pod) {
	p.Generation = 1
	appArmorFields(p)
	defaultPodResources(p)
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: QOSClass(p)}
	if len(p.Spec.SchedulingGates) > 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type:               corev1.PodScheduled,
			Status:             corev1.ConditionFalse,
			LastTransitionTime: metav1.Now(),
			Reason:             corev1.PodReasonSchedulingGated,
			Message:            "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	mergeMatchLabelKeys(p)
}

func podUpdate(p, old *corev1.Pod) {
	p.Status = old.Status
	keepResources(p, old)
	api.BumpGeneration(p, old, p.Spec, old.Spec)
}

// podStatus lets the status subresource change the status, labels and
// annotations, and nothing else.
func podStatus(p, old *corev1.Pod) {
	p.Spec = old.Spec
	p.Generation = old.Generation
	p.OwnerReferences = old.OwnerReferences
	api.Fill(&p.Status.QOSClass, old.Status.QOSClass)
	keepClaims(&p.Status, &old.Status)
	keepObserved(&p.Status, &old.Status)
}

// keepClaims keeps what is said about the pod's claims when a client that does not
// know the fields leaves them out. An empty list clears.
func keepClaims(s, old *corev1.PodStatus) {
	if s.ResourceClaimStatuses == nil {
		s.ResourceClaimStatuses = old.ResourceClaimStatuses
	}
	if s.ExtendedResourceClaimStatus == nil {
		s.ExtendedResourceClaimStatus = old.ExtendedResourceClaimStatus
	}
	if s.NodeAllocatableResourceClaimStatuses == nil {
		s.NodeAllocatableResourceClaimStatuses = old.NodeAllocatableResourceClaimStatuses
	}
}

// keepObserved keeps the observed generations that a client which does not know
// them has left out. Conditions of one type are matched in their order.
func keepObserved(s, old *corev1.PodStatus) {
	api.Fill(&s.ObservedGeneration, old.ObservedGeneration)
	before := map[corev1.PodConditionType][]int64{}
	for i := range old.Conditions {
		c := &old.Conditions[i]
		before[c.Type] = append(before[c.Type], c.ObservedGeneration)
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if left := before[c.Type]; len(left) > 0 {
			api.Fill(&c.ObservedGeneration, left[0])
			before[c.Type] = left[1:]
		}
	}
}

// podEphemeralContainers lets its subresource change the ephemeral containers
// and nothing else.
func podEphemeralContainers(p, old *corev1.Pod) {
	added := p.Spec.EphemeralContainers
	old.Spec.DeepCopyInto(&p.Spec)
	p.Spec.EphemeralContainers = added
	p.Status = old.Status
	api.KeepMetadata(p, old)
	api.BumpGeneration(p, old, p.Spec, old.Spec)
}

// podResize lets its subresource change the resources of containers, of
// sidecars and of the pod as a whole, and nothing else (KEP-1287).
func podResize(p, old *corev1.Pod) {
	if len(p.Spec.Containers) != len(old.Spec.Containers) || len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return // for validation to refuse
	}
	wanted := p.Spec
	old.Spec.DeepCopyInto(&p.Spec)
	p.Spec.Resources = wanted.Resources
	p.Spec.Containers = takeResources(p.Spec.Containers, wanted.Containers)
	p.Spec.InitContainers = takeResources(p.Spec.InitContainers, wanted.InitContainers)
	keepResources(p, old)
	defaultPodResources(p)
	p.Status = old.Status
	api.KeepMetadata(p, old)
	api.BumpGeneration(p, old, p.Spec, old.Spec)
}

// takeResources returns the containers with the resources that are wanted; or what
// is wanted, for validation to refuse, if they are not the same containers.
func takeResources(containers, wanted []corev1.Container) []corev1.Container {
	for i := range containers {
		if containers[i].Name != wanted[i].Name {
			return wanted
		}
		containers[i].Resources = wanted[i].Resources
		containers[i].ResizePolicy = wanted[i].ResizePolicy
	}
	return containers
}

// keepResources keeps the resources of the pod as a whole when a client that does
// not know the field leaves it out.
func keepResources(p, old *corev1.Pod) {
	if p.Spec.Resources == nil && old.Spec.Resources != nil {
		p.Spec.Resources = old.Spec.Resources.DeepCopy()
	}
}

// podGrace decides how long a pod may go on when it is deleted: as long as the
// caller says, else as the pod says, and not at all when nothing runs.
func podGrace(p *corev1.Pod, asked *int64) int64 {
	finished := p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
	if p.Spec.NodeName == "" || finished {
		return 0
	}
	if asked == nil {
		asked = p.Spec.TerminationGracePeriodSeconds
	}
	switch {
	case asked == nil:
		return 0
	case *asked < 0:
		return 1
	}
	return *asked
}

func podFields() map[string]func(*corev1.Pod) string {
	return map[string]func(*corev1.Pod) string{
		"spec.nodeName":           func(p *corev1.Pod) string { return p.Spec.NodeName },
		"spec.restartPolicy":      func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) },
		"spec.schedulerName":      func(p *corev1.Pod) string { return p.Spec.SchedulerName },
		"spec.serviceAccountName": func(p *corev1.Pod) string { return p.Spec.ServiceAccountName },
		"spec.hostNetwork": func(p *corev1.Pod) string {
			if p.Spec.HostNetwork {
				return "true"
			}
			return "false"
		},
		"status.phase": func(p *corev1.Pod) string { return string(p.Status.Phase) },
		"status.podIP": func(p *corev1.Pod) string {
			if len(p.Status.PodIPs) > 0 {
				return p.Status.PodIPs[0].IP
			}
			return p.Status.PodIP
		},
		"status.nominatedNodeName": func(p *corev1.Pod) string { return p.Status.NominatedNodeName },
	}
}

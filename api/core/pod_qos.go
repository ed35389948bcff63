package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

var qosResources = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}

// QOSClass is the pod's quality of service: Guaranteed when every container has
// limits for CPU and memory equal to its requests, BestEffort when none asks
// for anything, Burstable otherwise. Resources of the pod as a whole count in
// place of the containers' (KEP-2837).
func QOSClass(p *corev1.Pod) corev1.PodQOSClass {
	var all []corev1.ResourceRequirements
	if r := p.Spec.Resources; r != nil && (len(r.Limits) > 0 || len(r.Requests) > 0) {
		all = append(all, *r)
	} else {
		for i := range p.Spec.InitContainers {
			all = append(all, p.Spec.InitContainers[i].Resources)
		}
		for i := range p.Spec.Containers {
			all = append(all, p.Spec.Containers[i].Resources)
		}
	}
	asked, guaranteed := false, true
	for i := range all {
		for _, name := range qosResources {
			request, limit := positive(all[i].Requests, name), positive(all[i].Limits, name)
			asked = asked || !request.IsZero() || !limit.IsZero()
			if limit.IsZero() || request.Cmp(limit) != 0 {
				guaranteed = false
			}
		}
	}
	switch {
	case !asked:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	default:
		return corev1.PodQOSBurstable
	}
}

func positive(list corev1.ResourceList, name corev1.ResourceName) resource.Quantity {
	if q := list[name]; q.Sign() > 0 {
		return q
	}
	return resource.Quantity{}
}

package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// defaultPodResources completes the resources of the pod as a whole, when the
// pod has some (KEP-2837):
//
//   - limits of huge pages are the sum of the containers';
//   - requests are the sum of the containers', else the pod's limits;
//   - limits are the sum of the containers' where each has one, and at least
//     what is requested.
//
// It runs when admission has completed the containers, and not before.
func defaultPodResources(p *corev1.Pod) {
	r := p.Spec.Resources
	if r == nil || len(r.Limits)+len(r.Requests) == 0 {
		return
	}
	limits := resourcehelper.AggregateContainerLimits(p, resourcehelper.PodResourcesOptions{})
	for name, limit := range limits {
		if _, asked := r.Requests[name]; !asked && isHugePages(name) {
			fillResource(&r.Limits, name, limit.DeepCopy())
		}
	}
	for name, request := range resourcehelper.AggregateContainerRequests(p, resourcehelper.PodResourcesOptions{}) {
		if !isHugePages(name) {
			fillResource(&r.Requests, name, request.DeepCopy())
		}
	}
	for name, limit := range r.Limits {
		fillResource(&r.Requests, name, limit.DeepCopy())
	}
	for name, request := range r.Requests {
		limit, ok := limits[name]
		if !ok || !allLimit(p, name) {
			continue
		}
		if request.Cmp(limit) > 0 {
			limit = request
		}
		fillResource(&r.Limits, name, limit.DeepCopy())
	}
}

// fillResource sets what is not there, if it is a resource that a pod has as a
// whole.
func fillResource(list *corev1.ResourceList, name corev1.ResourceName, quantity resource.Quantity) {
	if _, ok := (*list)[name]; ok || !resourcehelper.IsSupportedPodLevelResource(name) {
		return
	}
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	(*list)[name] = quantity
}

func allLimit(p *corev1.Pod, name corev1.ResourceName) bool {
	if len(p.Spec.EphemeralContainers) > 0 {
		return false // they have none
	}
	for _, containers := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range containers {
			if _, ok := containers[i].Resources.Limits[name]; !ok {
				return false
			}
		}
	}
	return true
}

package limitranger

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// annotation tells what was filled in.
const annotation = "kubernetes.io/limit-ranger"

// complete fills in what the pod's containers lack.
func complete(pod *corev1.Pod, r *corev1.LimitRange) {
	requests, limits := defaultsOf(r)
	if len(requests) == 0 && len(limits) == 0 {
		return
	}
	var done []string
	each := func(list []corev1.Container, what string) {
		for i := range list {
			c := &list[i]
			for _, fill := range []struct {
				to   *corev1.ResourceList
				from corev1.ResourceList
				kind string
			}{{&c.Resources.Requests, requests, "request"}, {&c.Resources.Limits, limits, "limit"}} {
				if added := fillIn(fill.to, fill.from); len(added) > 0 {
					done = append(done, fmt.Sprintf("%s %s for %s %s", strings.Join(added, ", "), fill.kind, what, c.Name))
				}
			}
		}
	}
	each(pod.Spec.Containers, "container")
	each(pod.Spec.InitContainers, "init container")
	if len(done) == 0 {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotation] = "LimitRanger plugin set: " + strings.Join(done, "; ")
}

func defaultsOf(r *corev1.LimitRange) (requests, limits corev1.ResourceList) {
	requests, limits = corev1.ResourceList{}, corev1.ResourceList{}
	for _, l := range r.Spec.Limits {
		if l.Type != corev1.LimitTypeContainer {
			continue
		}
		for name, value := range l.DefaultRequest {
			requests[name] = value.DeepCopy()
		}
		for name, value := range l.Default {
			limits[name] = value.DeepCopy()
		}
	}
	return requests, limits
}

func fillIn(to *corev1.ResourceList, from corev1.ResourceList) (added []string) {
	for name, value := range from {
		if _, has := (*to)[name]; has {
			continue
		}
		if *to == nil {
			*to = corev1.ResourceList{}
		}
		(*to)[name] = value.DeepCopy()
		added = append(added, string(name))
	}
	slices.Sort(added)
	return added
}

package limitranger

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// checkPod compares a pod and its containers with the bounds of r.
func checkPod(pod *corev1.Pod, r *corev1.LimitRange) []error {
	var out []error
	for i := range r.Spec.Limits {
		l := &r.Spec.Limits[i]
		switch l.Type {
		case corev1.LimitTypeContainer:
			for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
				for j := range list {
					out = append(out, check(l, list[j].Resources.Requests, list[j].Resources.Limits)...)
				}
			}
		case corev1.LimitTypePod:
			requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{ExcludeOverhead: true})
			limits := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{ExcludeOverhead: true})
			out = append(out, check(l, requests, limits)...)
		}
	}
	return out
}

func checkClaim(claim *corev1.PersistentVolumeClaim, r *corev1.LimitRange) []error {
	var out []error
	for i := range r.Spec.Limits {
		if l := &r.Spec.Limits[i]; l.Type == corev1.LimitTypePersistentVolumeClaim {
			for _, name := range names(l.Min) {
				out = append(out, atLeast(l.Type, name, l.Min[name], claim.Spec.Resources.Requests, nil)...)
			}
			for _, name := range names(l.Max) {
				wanted, has := claim.Spec.Resources.Requests[name]
				bound := l.Max[name]
				if has && wanted.Cmp(bound) > 0 {
					out = append(out, fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, l.Type, bound.String(), wanted.String()))
				}
			}
		}
	}
	return out
}

// check compares requests and limits with the bounds of one item.
func check(l *corev1.LimitRangeItem, requests, limits corev1.ResourceList) []error {
	var out []error
	for _, name := range names(l.Min) {
		out = append(out, atLeast(l.Type, name, l.Min[name], requests, limits)...)
	}
	for _, name := range names(l.Max) {
		out = append(out, atMost(l.Type, name, l.Max[name], requests, limits)...)
	}
	for _, name := range names(l.MaxLimitRequestRatio) {
		out = append(out, ratio(l.Type, name, l.MaxLimitRequestRatio[name], requests, limits)...)
	}
	return out
}

// names are the keys of a list in a fixed order, for messages.
func names(list corev1.ResourceList) []corev1.ResourceName {
	out := make([]corev1.ResourceName, 0, len(list))
	for name := range list {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func atLeast(kind corev1.LimitType, name corev1.ResourceName, bound resource.Quantity, requests, limits corev1.ResourceList) []error {
	request, requested := requests[name]
	limit, limited := limits[name]
	switch {
	case !requested:
		return []error{fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", name, kind, bound.String())}
	case request.Cmp(bound) < 0:
		return []error{fmt.Errorf("minimum %s usage per %s is %s, but request is %s", name, kind, bound.String(), request.String())}
	case limited && limit.Cmp(bound) < 0:
		return []error{fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", name, kind, bound.String(), limit.String())}
	}
	return nil
}

func atMost(kind corev1.LimitType, name corev1.ResourceName, bound resource.Quantity, requests, limits corev1.ResourceList) []error {
	request, requested := requests[name]
	limit, limited := limits[name]
	switch {
	case !limited:
		return []error{fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", name, kind, bound.String())}
	case limit.Cmp(bound) > 0:
		return []error{fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", name, kind, bound.String(), limit.String())}
	case requested && request.Cmp(bound) > 0:
		return []error{fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, kind, bound.String(), request.String())}
	}
	return nil
}

func ratio(kind corev1.LimitType, name corev1.ResourceName, bound resource.Quantity, requests, limits corev1.ResourceList) []error {
	request, requested := requests[name]
	limit, limited := limits[name]
	if !requested || request.IsZero() {
		return []error{fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name, kind, bound.String())}
	}
	if !limited || limit.IsZero() {
		return []error{fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, kind, bound.String())}
	}
	if have := limit.AsApproximateFloat64() / request.AsApproximateFloat64(); have > bound.AsApproximateFloat64() {
		return []error{fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, kind, bound.String(), have)}
	}
	return nil
}

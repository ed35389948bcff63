package quota

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	resourcehelper "k8s.io/component-helpers/resource"
)

var podNames = map[corev1.ResourceName]bool{
	corev1.ResourcePods: true, corev1.ResourceCPU: true, corev1.ResourceMemory: true, corev1.ResourceEphemeralStorage: true,
	corev1.ResourceRequestsCPU: true, corev1.ResourceRequestsMemory: true, corev1.ResourceRequestsEphemeralStorage: true,
	corev1.ResourceLimitsCPU: true, corev1.ResourceLimitsMemory: true, corev1.ResourceLimitsEphemeralStorage: true,
}

func podName(name corev1.ResourceName) bool {
	return podNames[name] || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) ||
		strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix) || extendedName(name)
}

// extendedName tells whether the name limits what is asked for of an extended
// resource, one that a device class implies among them. There are no limits of
// those: they are not overcommitted.
func extendedName(name corev1.ResourceName) bool {
	of, ok := strings.CutPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return ok && (!native(corev1.ResourceName(of)) || strings.HasPrefix(of, resourceapi.ResourceDeviceClassPrefix))
}

// native tells that the name is one of Kubernetes' own.
func native(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// extended tells whether a container's resource is an extended one.
func extended(name corev1.ResourceName) bool {
	if strings.HasPrefix(string(name), resourceapi.ResourceDeviceClassPrefix) {
		return true
	}
	return !native(name) && !strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) &&
		len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name))) == 0
}

// addPod adds what the pod uses; one that has ended is an object still, and no
// more.
func addPod(out corev1.ResourceList, pod *corev1.Pod) {
	if !Runs(pod) {
		return
	}
	out[corev1.ResourcePods] = whole(1)
	// While a resize is under way, the greater of what is and what shall be counts.
	options := resourcehelper.PodResourcesOptions{UseStatusResources: true}
	for name, q := range resourcehelper.PodRequests(pod, options) {
		switch {
		case compute(name) || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			out[name], out[corev1.DefaultResourceRequestsPrefix+name] = q, q
		case extended(name):
			out[corev1.DefaultResourceRequestsPrefix+name] = q
		}
	}
	for name, q := range resourcehelper.PodLimits(pod, options) {
		if compute(name) {
			out["limits."+name] = q
		}
	}
}

func compute(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
}

// Runs tells whether the pod uses more than its place in the store: it has not
// ended, and should not have been gone by now. A node that does not answer must
// not hold the quota.
func Runs(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return true
	}
	return !time.Now().After(pod.DeletionTimestamp.Add(time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second))
}

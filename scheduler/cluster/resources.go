package cluster

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// What a container without requests is taken to use when nodes are scored, so
// that such pods spread too. It plays no part in what fits.
const (
	defaultMilliCPU = 100
	defaultMemory   = 200 << 20
)

var scoringDefaults = corev1.ResourceList{
	corev1.ResourceCPU:    *resource.NewMilliQuantity(defaultMilliCPU, resource.DecimalSI),
	corev1.ResourceMemory: *resource.NewQuantity(defaultMemory, resource.BinarySI),
}

// Resources are amounts: thousandths of a CPU, bytes, and whole numbers. A value
// is never changed once others can see it.
type Resources struct {
	MilliCPU, Memory, EphemeralStorage int64
	// Pods is a number of pods.
	Pods int64
	// Other holds extended resources and huge pages.
	Other map[corev1.ResourceName]int64
}

// ResourcesOf returns the amounts of list.
func ResourcesOf(list corev1.ResourceList) Resources {
	var r Resources
	for name, quantity := range list {
		switch name {
		case corev1.ResourceCPU:
			r.MilliCPU = quantity.MilliValue()
		case corev1.ResourceMemory:
			r.Memory = quantity.Value()
		case corev1.ResourceEphemeralStorage:
			r.EphemeralStorage = quantity.Value()
		case corev1.ResourcePods:
			r.Pods = quantity.Value()
		default:
			if r.Other == nil {
				r.Other = map[corev1.ResourceName]int64{}
			}
			r.Other[name] = quantity.Value()
		}
	}
	return r
}

// Plus returns r + sign*other.
func (r Resources) Plus(other Resources, sign int64) Resources {
	r.MilliCPU += sign * other.MilliCPU
	r.Memory += sign * other.Memory
	r.EphemeralStorage += sign * other.EphemeralStorage
	r.Pods += sign * other.Pods
	if len(other.Other) > 0 {
		r.Other = maps.Clone(r.Other)
		if r.Other == nil {
			r.Other = map[corev1.ResourceName]int64{}
		}
		for name, amount := range other.Other {
			r.Other[name] += sign * amount
		}
	}
	return r
}

// requests returns what pod needs, its init containers' largest, its sidecars
// and its overhead included (KEP-753, KEP-688), and the same with the scoring
// defaults. What the node has already allotted counts during a resize (KEP-1287).
func requests(pod *corev1.Pod) (fit, scoring Resources) {
	options := resourcehelper.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true}
	fit = ResourcesOf(resourcehelper.PodRequests(pod, options))
	options.NonMissingContainerRequests = scoringDefaults
	scoring = ResourcesOf(resourcehelper.PodRequests(pod, options))
	fit.Pods, scoring.Pods = 1, 1
	return fit, scoring
}

// Package quota says what objects use of the ResourceQuotas of their namespace:
// how much of what (Usage), which names of a quota are about a resource (Counts),
// and which objects a quota's scopes choose (Covers). Admission and the controller
// both ask it, so that they never disagree
// (https://kubernetes.io/docs/concepts/policy/resource-quotas/).
package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The resources of which more is counted than their objects.
var (
	Pods           = schema.GroupResource{Resource: "pods"}
	Services       = schema.GroupResource{Resource: "services"}
	VolumeClaims   = schema.GroupResource{Resource: "persistentvolumeclaims"}
	ResourceClaims = schema.GroupResource{Group: resourceapi.GroupName, Resource: "resourceclaims"}
)

// Measured lists them.
var Measured = []schema.GroupResource{Pods, Services, VolumeClaims, ResourceClaims}

// aliases are the names under which objects are counted as under "count/".
// "pods" is none: a pod that has ended is an object, but no pod that runs.
var aliases = map[corev1.ResourceName]schema.GroupResource{
	corev1.ResourceServices: Services, corev1.ResourcePersistentVolumeClaims: VolumeClaims,
	corev1.ResourceConfigMaps: {Resource: "configmaps"}, corev1.ResourceSecrets: {Resource: "secrets"},
	corev1.ResourceReplicationControllers: {Resource: "replicationcontrollers"}, corev1.ResourceQuotas: {Resource: "resourcequotas"},
}

const countPrefix = "count/"

// CountName is the name under which objects of the resource are counted:
// count/deployments.apps.
func CountName(of schema.GroupResource) corev1.ResourceName {
	return corev1.ResourceName(countPrefix + of.String())
}

// Counted returns the resource whose objects, as such, the name counts.
func Counted(name corev1.ResourceName) (schema.GroupResource, bool) {
	if text, ok := strings.CutPrefix(string(name), countPrefix); ok {
		return schema.ParseGroupResource(text), true
	}
	of, ok := aliases[name]
	return of, ok
}

// Ignored tells that objects of the resource are never counted: Events are many
// and go by themselves.
func Ignored(of schema.GroupResource) bool {
	return of.Resource == "events" && (of.Group == "" || of.Group == "events.k8s.io")
}

// Counts tells whether a quota's name counts something of the resource. The name
// of an extended resource is about ResourceClaims only if a device class stands for
// it (KEP-5004).
func Counts(of schema.GroupResource, name corev1.ResourceName, devices *Devices) bool {
	if Ignored(of) {
		return false
	}
	if counted, ok := Counted(name); ok {
		return counted == of
	}
	switch of {
	case Pods:
		return podName(name)
	case Services:
		return name == corev1.ResourceServicesNodePorts || name == corev1.ResourceServicesLoadBalancers
	case VolumeClaims:
		return claimName(name)
	case ResourceClaims:
		return deviceName(name, devices)
	}
	return false
}

// Usage returns what an object of the resource uses. It may hold zeros, and names
// that no quota has.
func Usage(of schema.GroupResource, obj runtime.Object, devices *Devices) corev1.ResourceList {
	out := corev1.ResourceList{CountName(of): whole(1)}
	for name, counted := range aliases {
		if counted == of {
			out[name] = whole(1)
		}
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		addPod(out, o)
	case *corev1.Service:
		addService(out, o)
	case *corev1.PersistentVolumeClaim:
		addClaim(out, o)
	case *resourceapi.ResourceClaim:
		addDevices(out, o, devices)
	}
	return out
}

func whole(n int64) resource.Quantity { return *resource.NewQuantity(n, resource.DecimalSI) }

// Add adds more to a sum.
func Add(sum, more corev1.ResourceList) {
	for name, q := range more {
		total := sum[name].DeepCopy()
		total.Add(q)
		sum[name] = total
	}
}

// Equal tells whether two lists hold the same names and amounts.
func Equal(a, b corev1.ResourceList) bool {
	if len(a) != len(b) {
		return false
	}
	for name, q := range a {
		if other, ok := b[name]; !ok || q.Cmp(other) != 0 {
			return false
		}
	}
	return true
}

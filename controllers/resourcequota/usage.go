package resourcequota

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"minke/client"
	"minke/controllers/podcontrol"
)

// plain are the names under which some kinds are counted without "count/".
var plain = map[corev1.ResourceName]corev1.ResourceName{
	corev1.ResourceServices: "count/services", corev1.ResourceReplicationControllers: "count/replicationcontrollers",
	corev1.ResourceQuotas: "count/resourcequotas", corev1.ResourceSecrets: "count/secrets",
	corev1.ResourceConfigMaps: "count/configmaps", corev1.ResourcePersistentVolumeClaims: "count/persistentvolumeclaims",
}

// usage counts what the quota limits and we know how to count.
func (c *Controller) usage(quota *corev1.ResourceQuota) corev1.ResourceList {
	used := corev1.ResourceList{}
	for name := range quota.Spec.Hard {
		counted := name
		if p, ok := plain[name]; ok {
			counted = p
		}
		// Scopes are about pods alone: a quota with any counts nothing else.
		if view, ok := c.counted[counted]; ok && counted != "count/pods" && !scoped(quota) {
			used[name] = *resource.NewQuantity(int64(len(view.List(quota.Namespace, nil))), resource.DecimalSI)
		}
	}
	c.countPods(quota, used)
	if !scoped(quota) {
		c.countServices(quota, used)
		c.countClaims(quota, used)
	}
	return used
}

func add(used corev1.ResourceList, name corev1.ResourceName, q resource.Quantity) {
	sum := used[name]
	sum.Add(q)
	used[name] = sum
}

// podNames tells whether name is about pods.
func podName(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, "count/pods", corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage:
		return true
	case corev1.ResourceRequestsStorage:
		return false
	}
	return strings.HasPrefix(string(name), "requests.") || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

func (c *Controller) countPods(quota *corev1.ResourceQuota, used corev1.ResourceList) {
	for name := range quota.Spec.Hard {
		if podName(name) {
			used[name] = *resource.NewQuantity(0, resource.DecimalSI)
		}
	}
	one := *resource.NewQuantity(1, resource.DecimalSI)
	for _, pod := range c.pods.List(quota.Namespace, nil) {
		if !inScopes(quota, pod) {
			continue
		}
		// Ended pods still are objects, but use nothing.
		addKnown(used, "count/pods", one)
		if podcontrol.Finished(pod) || overdue(pod) {
			continue
		}
		addKnown(used, corev1.ResourcePods, one)
		for name, q := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
			addKnown(used, name, q)
			addKnown(used, "requests."+name, q)
		}
		for name, q := range resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{}) {
			addKnown(used, "limits."+name, q)
		}
	}
}

// addKnown adds to a name that the quota limits.
func addKnown(used corev1.ResourceList, name corev1.ResourceName, q resource.Quantity) {
	if _, ok := used[name]; ok {
		add(used, name, q)
	}
}

// overdue tells that the pod should have been gone by now: a node that does
// not answer must not hold the quota.
func overdue(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return false
	}
	return time.Now().After(pod.DeletionTimestamp.Add(time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second))
}

func (c *Controller) countServices(quota *corev1.ResourceQuota, used corev1.ResourceList) {
	ports, balancers := int64(0), int64(0)
	for _, obj := range c.list("count/services", quota.Namespace) {
		service, ok := obj.(*corev1.Service)
		if !ok {
			continue
		}
		switch service.Spec.Type {
		case corev1.ServiceTypeNodePort:
			ports += int64(len(service.Spec.Ports))
		case corev1.ServiceTypeLoadBalancer:
			balancers++
			if service.Spec.AllocateLoadBalancerNodePorts == nil || *service.Spec.AllocateLoadBalancerNodePorts {
				ports += int64(len(service.Spec.Ports))
			}
		}
	}
	for name, n := range map[corev1.ResourceName]int64{corev1.ResourceServicesNodePorts: ports, corev1.ResourceServicesLoadBalancers: balancers} {
		if _, limited := quota.Spec.Hard[name]; limited {
			used[name] = *resource.NewQuantity(n, resource.DecimalSI)
		}
	}
}

func (c *Controller) list(name corev1.ResourceName, namespace string) []client.Object {
	if view, ok := c.counted[name]; ok {
		return view.List(namespace, nil)
	}
	return nil
}

// countClaims counts claims and their storage, of all classes and of each.
func (c *Controller) countClaims(quota *corev1.ResourceQuota, used corev1.ResourceList) {
	const ofClass = ".storageclass.storage.k8s.io/"
	for name := range quota.Spec.Hard {
		if name == corev1.ResourceRequestsStorage || strings.Contains(string(name), ofClass) {
			used[name] = *resource.NewQuantity(0, resource.DecimalSI)
		}
	}
	for _, obj := range c.list("count/persistentvolumeclaims", quota.Namespace) {
		claim, ok := obj.(*corev1.PersistentVolumeClaim)
		if !ok {
			continue
		}
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		addKnown(used, corev1.ResourceRequestsStorage, size)
		if claim.Spec.StorageClassName != nil {
			class := corev1.ResourceName(*claim.Spec.StorageClassName + ofClass)
			addKnown(used, class+corev1.ResourceRequestsStorage, size)
			addKnown(used, class+corev1.ResourcePersistentVolumeClaims, *resource.NewQuantity(1, resource.DecimalSI))
		}
	}
}

func scoped(quota *corev1.ResourceQuota) bool {
	return len(quota.Spec.Scopes) > 0 || quota.Spec.ScopeSelector != nil && len(quota.Spec.ScopeSelector.MatchExpressions) > 0
}

// inScopes tells whether the quota is about the pod.
func inScopes(quota *corev1.ResourceQuota, pod *corev1.Pod) bool {
	var all []corev1.ScopedResourceSelectorRequirement
	for _, scope := range quota.Spec.Scopes {
		all = append(all, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if quota.Spec.ScopeSelector != nil {
		all = append(all, quota.Spec.ScopeSelector.MatchExpressions...)
	}
	for _, requirement := range all {
		if !inScope(requirement, pod) {
			return false
		}
	}
	return true
}

func inScope(r corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	terminating := pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return terminating
	case corev1.ResourceQuotaScopeNotTerminating:
		return !terminating
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossesNamespaces(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		class := pod.Spec.PriorityClassName
		switch r.Operator {
		case corev1.ScopeSelectorOpIn:
			return slices.Contains(r.Values, class)
		case corev1.ScopeSelectorOpNotIn:
			return !slices.Contains(r.Values, class)
		case corev1.ScopeSelectorOpDoesNotExist:
			return class == ""
		}
		return class != ""
	}
	return false
}

// bestEffort tells whether no container asks for or limits cpu or memory.
func bestEffort(pod *corev1.Pod) bool {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, list := range []corev1.ResourceList{containers[i].Resources.Requests, containers[i].Resources.Limits} {
				for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
					if q, ok := list[name]; ok && !q.IsZero() {
						return false
					}
				}
			}
		}
	}
	return true
}

func crossesNamespaces(pod *corev1.Pod) bool {
	a := pod.Spec.Affinity
	if a == nil {
		return false
	}
	crosses := func(t *corev1.PodAffinityTerm) bool { return len(t.Namespaces) > 0 || t.NamespaceSelector != nil }
	check := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) bool {
		for i := range required {
			if crosses(&required[i]) {
				return true
			}
		}
		for i := range preferred {
			if crosses(&preferred[i].PodAffinityTerm) {
				return true
			}
		}
		return false
	}
	return a.PodAffinity != nil && check(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution) ||
		a.PodAntiAffinity != nil && check(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
}

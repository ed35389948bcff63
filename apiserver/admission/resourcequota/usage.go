package resourcequota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"minke/api"
)

// counted are the resources of the core group that are counted by their plain
// names, too.
var counted = map[string]bool{
	"pods": true, "services": true, "configmaps": true, "secrets": true, "persistentvolumeclaims": true,
	"replicationcontrollers": true, "resourcequotas": true,
}

// usageOf returns what an object uses; nil for none.
func usageOf(r *api.Resource, obj api.Object) corev1.ResourceList {
	if obj == nil {
		return nil
	}
	one := resource.MustParse("1")
	out := corev1.ResourceList{corev1.ResourceName("count/" + r.GroupResource().String()): one}
	if r.Kind.Group == "" && counted[r.Plural] {
		out[corev1.ResourceName(r.Plural)] = one
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		addPod(out, o)
	case *corev1.Service:
		addService(out, o)
	case *corev1.PersistentVolumeClaim:
		addClaim(out, o)
	}
	return out
}

func addPod(out corev1.ResourceList, pod *corev1.Pod) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		delete(out, corev1.ResourcePods)
		return
	}
	for name, value := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		switch {
		case isCompute(name):
			out[name] = value
			out["requests."+name] = value
		case strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			out[name], out["requests."+name] = value, value
		case strings.Contains(string(name), "/"):
			out["requests."+name] = value
		}
	}
	for name, value := range resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{}) {
		if isCompute(name) {
			out["limits."+name] = value
		}
	}
}

func isCompute(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
}

func addService(out corev1.ResourceList, s *corev1.Service) {
	ports := resource.NewQuantity(int64(len(s.Spec.Ports)), resource.DecimalSI)
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		out[corev1.ResourceServicesNodePorts] = *ports
	case corev1.ServiceTypeLoadBalancer:
		out[corev1.ResourceServicesLoadBalancers] = resource.MustParse("1")
		if s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts {
			out[corev1.ResourceServicesNodePorts] = *ports
			return
		}
		var given int64
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				given++
			}
		}
		out[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(given, resource.DecimalSI)
	}
}

func addClaim(out corev1.ResourceList, claim *corev1.PersistentVolumeClaim) {
	class := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	of := func(name string) corev1.ResourceName {
		return corev1.ResourceName(class + ".storageclass.storage.k8s.io/" + name)
	}
	if class != "" {
		out[of("persistentvolumeclaims")] = resource.MustParse("1")
	}
	if size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
		out[corev1.ResourceRequestsStorage] = size
		if class != "" {
			out[of("requests.storage")] = size
		}
	}
}

// constraints refuses a pod whose containers do not say what they need of that
// which q counts: it could not be counted.
func constraints(q *corev1.ResourceQuota, obj api.Object) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	missing := map[string][]string{}
	for name := range q.Status.Hard {
		of, limits := computeOf(name)
		if of == "" || podLevel(pod, of, limits) {
			continue
		}
		for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for _, c := range list {
				has := c.Resources.Requests
				if limits {
					has = c.Resources.Limits
				}
				if _, ok := has[of]; !ok {
					missing[string(name)] = append(missing[string(name)], c.Name)
				}
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		slices.Sort(missing[name])
		parts = append(parts, fmt.Sprintf("%s for: %s", name, strings.Join(missing[name], ",")))
	}
	return fmt.Errorf("failed quota: %s: must specify %s", q.Name, strings.Join(parts, "; "))
}

// computeOf returns the resource that a quota's name bounds when every
// container must say it: cpu and memory.
func computeOf(name corev1.ResourceName) (of corev1.ResourceName, limits bool) {
	text := string(name)
	if rest, ok := strings.CutPrefix(text, "limits."); ok {
		text, limits = rest, true
	} else {
		text = strings.TrimPrefix(text, "requests.")
	}
	if of = corev1.ResourceName(text); of == corev1.ResourceCPU || of == corev1.ResourceMemory {
		return of, limits
	}
	return "", false
}

// podLevel tells whether the pod itself says what its containers may leave out.
func podLevel(pod *corev1.Pod, name corev1.ResourceName, limits bool) bool {
	if pod.Spec.Resources == nil {
		return false
	}
	list := pod.Spec.Resources.Requests
	if limits {
		list = pod.Spec.Resources.Limits
	}
	_, ok := list[name]
	return ok
}

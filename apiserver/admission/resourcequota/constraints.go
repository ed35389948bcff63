package resourcequota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"minke/api"
)

// constraints refuses a pod whose containers do not say what they need of the cpu
// and memory that a quota limits by these names. A pod that says it as a whole need
// not say it for each (KEP-2837).
func constraints(names []corev1.ResourceName, obj api.Object) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok || resourcehelper.IsPodLevelResourcesSet(pod) {
		return nil
	}
	missing := map[string][]string{}
	for _, name := range names {
		of, limits := computeOf(name)
		if of == "" {
			continue
		}
		for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for i := range list {
				has := list[i].Resources.Requests
				if limits {
					has = list[i].Resources.Limits
				}
				if _, ok := has[of]; !ok {
					missing[string(name)] = append(missing[string(name)], list[i].Name)
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
	return fmt.Errorf("must specify %s", strings.Join(parts, "; "))
}

// computeOf returns the resource that a quota's name bounds when every
// container must say it: cpu and memory.
func computeOf(name corev1.ResourceName) (of corev1.ResourceName, limits bool) {
	text := string(name)
	if rest, ok := strings.CutPrefix(text, "limits."); ok {
		text, limits = rest, true
	} else {
		text = strings.TrimPrefix(text, corev1.DefaultResourceRequestsPrefix)
	}
	if of = corev1.ResourceName(text); of == corev1.ResourceCPU || of == corev1.ResourceMemory {
		return of, limits
	}
	return "", false
}

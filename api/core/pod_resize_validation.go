package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResize lets CPU and memory change, of containers, sidecars and the pod
// as a whole, as long as the pod's class stays (KEP-1287, KEP-5419).
func validateResize(p, old *corev1.Pod) field.ErrorList {
	errs := validatePodMetaAndSpec(p, old)
	if _, mirror := old.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods cannot be resized")}
	}
	if isWindows(&old.Spec) {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "windows pods cannot be resized")}
	}
	path := field.NewPath("spec")
	if QOSClass(p) != QOSClass(old) {
		errs = append(errs, field.Invalid(path, p.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	if !resizable(old) {
		errs = append(errs, field.Forbidden(path, "Pod running on node without support for resize"))
	}
	errs = append(errs, podResourcesUpdate(p.Spec.Resources, old.Spec.Resources, path)...)
	if order := sameContainers(p, old, path); len(order) > 0 {
		return append(errs, order...)
	}
	for i := range old.Spec.InitContainers {
		now, before := &p.Spec.InitContainers[i], &old.Spec.InitContainers[i]
		if !IsSidecar(before) {
			if !equality.Semantic.DeepEqual(now, before) {
				errs = append(errs, field.Forbidden(path, "resources for non-sidecar init containers are immutable"))
			}
			continue
		}
		at := path.Child("initContainers").Index(i)
		errs = append(errs, nothingRemoved(&now.Resources, &before.Resources, at.Child("resources"))...)
		if !onlyResized(now, before) {
			errs = append(errs, field.Forbidden(at, "only cpu and memory resources for init or sidecar containers are mutable"))
		}
	}
	for i := range old.Spec.Containers {
		now, before := &p.Spec.Containers[i], &old.Spec.Containers[i]
		errs = append(errs, nothingRemoved(&now.Resources, &before.Resources, path.Child("containers").Index(i).Child("resources"))...)
		if !onlyResized(now, before) {
			errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable"))
		}
	}
	return errs
}

// resizable tells whether the pod's node says what its containers have: one that
// does not cannot give them more either.
func resizable(p *corev1.Pod) bool {
	for i := range p.Status.ContainerStatuses {
		if c := &p.Status.ContainerStatuses[i]; c.State.Running != nil {
			return c.Resources != nil
		}
	}
	return true
}

func sameContainers(p, old *corev1.Pod, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, list := range []struct {
		name     string
		now, old []corev1.Container
	}{{"containers", p.Spec.Containers, old.Spec.Containers}, {"initContainers", p.Spec.InitContainers, old.Spec.InitContainers}} {
		if len(list.now) != len(list.old) {
			errs = append(errs, field.Forbidden(path.Child(list.name), list.name+" may not be added or removed on resize"))
			continue
		}
		for i := range list.old {
			if list.now[i].Name != list.old[i].Name {
				errs = append(errs, field.Forbidden(path.Child(list.name).Index(i).Child("name"), list.name+" may not be renamed or reordered on resize"))
			}
		}
	}
	return errs
}

func podResourcesUpdate(r, old *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	some := func(r *corev1.ResourceRequirements) bool { return r != nil && len(r.Limits)+len(r.Requests) > 0 }
	if !some(r) && !some(old) {
		return nil
	}
	at := path.Child("resources")
	if old == nil {
		old = &corev1.ResourceRequirements{}
	} else if r == nil {
		return field.ErrorList{field.Forbidden(at, "pod-level resources cannot be removed")}
	}
	var errs field.ErrorList
	if removed(r.Requests, old.Requests) {
		errs = append(errs, field.Forbidden(at.Child("requests"), "pod-level resource requests cannot be removed"))
	}
	if removed(r.Limits, old.Limits) {
		errs = append(errs, field.Forbidden(at.Child("limits"), "pod-level resource limits cannot be removed"))
	}
	if !equality.Semantic.DeepEqual(withoutCPUAndMemory(r), withoutCPUAndMemory(old)) {
		errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable at pod-level"))
	}
	return errs
}

func nothingRemoved(r, old *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if removed(r.Requests, old.Requests) {
		errs = append(errs, field.Forbidden(path.Child("requests"), "resource requests cannot be removed"))
	}
	if removed(r.Limits, old.Limits) {
		errs = append(errs, field.Forbidden(path.Child("limits"), "resource limits cannot be removed"))
	}
	return errs
}

func removed(list, old corev1.ResourceList) bool {
	for name := range old {
		if _, ok := list[name]; !ok {
			return true
		}
	}
	return false
}

// onlyResized tells whether the containers differ in CPU and memory alone.
func onlyResized(c, old *corev1.Container) bool {
	now, before := *c, *old
	now.Resources, before.Resources = *withoutCPUAndMemory(&c.Resources), *withoutCPUAndMemory(&old.Resources)
	return equality.Semantic.DeepEqual(&now, &before)
}

func withoutCPUAndMemory(r *corev1.ResourceRequirements) *corev1.ResourceRequirements {
	rest := r.DeepCopy()
	for _, list := range []corev1.ResourceList{rest.Limits, rest.Requests} {
		delete(list, corev1.ResourceCPU)
		delete(list, corev1.ResourceMemory)
	}
	return rest
}

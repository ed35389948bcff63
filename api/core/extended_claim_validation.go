package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// extendedClaim is about the claim for the extended resources that devices stand
// for (KEP-5004): each mapping is of a container that asks for the resource.
func extendedClaim(s *corev1.PodExtendedResourceClaimStatus, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	requests := map[string]corev1.ResourceList{}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			requests[containers[i].Name] = containers[i].Resources.Requests
		}
	}
	var errs field.ErrorList
	at := path.Child("requestMappings")
	if len(s.RequestMappings) == 0 {
		errs = append(errs, field.Required(at, "at least one request mapping is required"))
	}
	told := map[corev1.ContainerExtendedResourceRequest]bool{}
	for i, m := range s.RequestMappings {
		at := at.Index(i)
		asked, ok := requests[m.ContainerName]
		_, asks := asked[corev1.ResourceName(m.ResourceName)]
		switch {
		case !ok:
			errs = append(errs, field.Invalid(at.Child("containerName"), m.ContainerName, "must match the name of an entry in spec.initContainers.name or spec.containers.name"))
		case !asks:
			errs = append(errs, field.Invalid(at.Child("resourceName"), m.ResourceName, "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests"))
		}
		errs = append(errs, label(path.Child("requestName"), m.RequestName)...)
		if told[m] {
			errs = append(errs, field.Duplicate(at.Child("containerName"), m.ContainerName),
				field.Duplicate(at.Child("resourceName"), m.ResourceName), field.Duplicate(at.Child("requestName"), m.RequestName))
		}
		told[m] = true
	}
	if s.ResourceClaimName == "" {
		return append(errs, field.Required(path.Child("resourceClaimName"), ""))
	}
	return append(errs, subdomain(path.Child("resourceClaimName"), s.ResourceClaimName)...)
}

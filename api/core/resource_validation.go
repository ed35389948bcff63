package core

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const notNegativeMessage = "must be greater than or equal to 0"

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// isNative tells whether the name belongs to Kubernetes itself.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

func validateResources(r *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	limits, requests := path.Child("limits"), path.Child("requests")
	var errs field.ErrorList
	for _, name := range sorted(r.Limits) {
		errs = append(errs, containerResource(name, r.Limits[name], limits)...)
	}
	for _, name := range sorted(r.Requests) {
		request := r.Requests[name]
		errs = append(errs, containerResource(name, request, requests)...)
		limit, limited := r.Limits[name]
		overcommit := isNative(name) && !isHugePages(name)
		switch {
		case limited && overcommit && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		case limited && !overcommit && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case !limited && !overcommit:
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		}
	}
	return append(errs, hugePagesNeedOther(r, path)...)
}

// hugePagesNeedOther refuses huge pages for a container that asks neither for
// CPU nor for memory.
func hugePagesNeedOther(r *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	huge, other := false, false
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
		for name := range list {
			huge = huge || isHugePages(name)
			other = other || name == corev1.ResourceCPU || name == corev1.ResourceMemory
		}
	}
	if huge && !other {
		return field.ErrorList{field.Forbidden(path, "HugePages require cpu or memory")}
	}
	return nil
}

func containerResource(name corev1.ResourceName, quantity resource.Quantity, path *field.Path) field.ErrorList {
	at := path.Key(string(name))
	errs := containerResourceName(name, at)
	return append(errs, nonnegativeQuantity(name, quantity, at)...)
}

func containerResourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.IsQualifiedName(string(name)) {
		errs = append(errs, field.Invalid(at, name, msg))
	}
	switch {
	case len(errs) > 0:
	case !strings.Contains(string(name), "/"):
		if !isHugePages(name) && !slices.Contains([]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}, name) {
			errs = append(errs, field.Invalid(at, name, "must be a standard resource for containers"))
		}
	case strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix):
		errs = append(errs, field.Invalid(at, name, "doesn't follow extended resource name standard"))
	}
	return errs
}

func nonnegativeQuantity(name corev1.ResourceName, quantity resource.Quantity, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if quantity.Sign() < 0 {
		errs = append(errs, field.Invalid(at, quantity.String(), notNegativeMessage))
	}
	whole := name == corev1.ResourcePods || isHugePages(name) || !isNative(name)
	if whole && quantity.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(at, quantity.String(), "must be an integer"))
	}
	return errs
}

func validatePodResources(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	r := s.Resources
	if r == nil {
		return nil
	}
	errs := validateResources(r, path)
	for _, name := range sorted(r.Requests) {
		sum, some := sumOfRequests(s, name)
		if request := r.Requests[name]; some && sum.Cmp(request) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
		}
	}
	return errs
}

// sorted gives errors an order that does not change from call to call.
func sorted(list corev1.ResourceList) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

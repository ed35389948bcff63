package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"
)

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// isNative tells whether the name belongs to Kubernetes itself.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// canOvercommit tells whether more of it may be promised than there is.
func canOvercommit(name corev1.ResourceName) bool { return isNative(name) && !isHugePages(name) }

// IsExtendedResource tells whether the name is one of a device or the like.
func IsExtendedResource(name string) bool { return isExtended(corev1.ResourceName(name)) }

func isExtended(name corev1.ResourceName) bool {
	if isNative(name) || strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) {
		return false
	}
	// A quota must be able to name it with its prefix.
	return len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name))) == 0
}

// ValidateOverhead checks what a pod needs besides its containers.
func ValidateOverhead(overhead corev1.ResourceList, path *field.Path) field.ErrorList {
	return (&specCheck{spec: &corev1.PodSpec{}}).requirements(&corev1.ResourceRequirements{Limits: overhead}, containerResourceName, path)
}

// requirements checks the resources of a container, or of a pod as a whole; names
// is what holds for their names.
func (v *specCheck) requirements(r *corev1.ResourceRequirements, names func(corev1.ResourceName, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	limits, requests := path.Child("limits"), path.Child("requests")
	var errs field.ErrorList
	check := func(name corev1.ResourceName, q resource.Quantity, at *field.Path) {
		errs = append(errs, names(name, at)...)
		errs = append(errs, quantityOf(name, q, at)...)
		if isHugePages(name) && !divides(name, q) {
			errs = append(errs, v.since(ruleHugePagesDivide, field.ErrorList{field.Invalid(at, q.String(),
				fmt.Sprintf("%s is not positive integer multiple of %s", q.String(), name))})...)
		}
	}
	for _, name := range sorted(r.Limits) {
		check(name, r.Limits[name], limits.Key(string(name)))
	}
	for _, name := range sorted(r.Requests) {
		request := r.Requests[name]
		limit, limited := r.Limits[name]
		check(name, request, requests.Key(string(name)))
		switch {
		case limited && !canOvercommit(name) && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case limited && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		case !limited && !canOvercommit(name):
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		}
	}
	errs = append(errs, hugePagesNeedOther(r, path)...)
	return append(errs, v.claims(r.Claims, path.Child("claims"))...)
}

// divides tells whether the quantity is a whole number of pages.
func divides(name corev1.ResourceName, q resource.Quantity) bool {
	page, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	return err == nil && page.Sign() > 0 && page.MilliValue()%1000 == 0 && q.Value()%page.Value() == 0
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

// standardResources are the names without a prefix that mean something.
var standardResources = map[corev1.ResourceName]bool{
	corev1.ResourceCPU: true, corev1.ResourceMemory: true, corev1.ResourceEphemeralStorage: true,
	corev1.ResourceRequestsCPU: true, corev1.ResourceRequestsMemory: true, corev1.ResourceRequestsEphemeralStorage: true,
	corev1.ResourceLimitsCPU: true, corev1.ResourceLimitsMemory: true, corev1.ResourceLimitsEphemeralStorage: true,
	corev1.ResourcePods: true, corev1.ResourceQuotas: true, corev1.ResourceServices: true, corev1.ResourceReplicationControllers: true,
	corev1.ResourceSecrets: true, corev1.ResourceConfigMaps: true, corev1.ResourcePersistentVolumeClaims: true,
	corev1.ResourceStorage: true, corev1.ResourceRequestsStorage: true,
	corev1.ResourceServicesNodePorts: true, corev1.ResourceServicesLoadBalancers: true,
}

func resourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	errs := invalid(at, string(name), validation.IsQualifiedName(string(name)))
	if len(errs) == 0 && !strings.Contains(string(name), "/") && !standardResources[name] && !isHugePages(name) {
		errs = append(errs, field.Invalid(at, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}

// ValidateContainerResourceName checks the name of what a container asks for.
func ValidateContainerResourceName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	return containerResourceName(name, path)
}

func containerResourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	errs := resourceName(name, at)
	switch {
	case !strings.Contains(string(name), "/"):
		if !isHugePages(name) && name != corev1.ResourceCPU && name != corev1.ResourceMemory && name != corev1.ResourceEphemeralStorage {
			errs = append(errs, field.Invalid(at, name, "must be a standard resource for containers"))
		}
	case !isNative(name) && !isExtended(name):
		errs = append(errs, field.Invalid(at, name, "doesn't follow extended resource name standard"))
	}
	return errs
}

// podResourceName checks a resource of the pod as a whole (KEP-2837).
func podResourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	errs := resourceName(name, at)
	if len(errs) == 0 && !resourcehelper.IsSupportedPodLevelResource(name) {
		supported := resourcehelper.SupportedPodLevelResources().UnsortedList()
		slices.Sort(supported)
		errs = append(errs, field.NotSupported(at, name, supported))
	}
	return errs
}

// wholeResources are counted, not measured.
var wholeResources = map[corev1.ResourceName]bool{
	corev1.ResourcePods: true, corev1.ResourceQuotas: true, corev1.ResourceServices: true, corev1.ResourceReplicationControllers: true,
	corev1.ResourceSecrets: true, corev1.ResourceConfigMaps: true, corev1.ResourcePersistentVolumeClaims: true,
	corev1.ResourceServicesNodePorts: true, corev1.ResourceServicesLoadBalancers: true,
}

// quantityOf checks how much there is of a resource.
func quantityOf(name corev1.ResourceName, q resource.Quantity, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.Sign() < 0 {
		errs = append(errs, field.Invalid(at, q.String(), notNegativeMessage))
	}
	if (wholeResources[name] || isExtended(name)) && !isWhole(q) {
		errs = append(errs, field.Invalid(at, q, notIntegerMessage))
	}
	return errs
}

// isWhole looks at thousandths, the finest that is kept of a quantity.
func isWhole(q resource.Quantity) bool {
	if _, exact := q.AsScale(0); exact {
		return true
	}
	return q.MilliValue()%1000 == 0
}

// podResources checks the resources of the pod as a whole.
func (v *specCheck) podResources(path *field.Path) field.ErrorList {
	r := v.spec.Resources
	if r == nil {
		return nil
	}
	if isWindows(v.spec) {
		return field.ErrorList{field.Forbidden(path, "may not be set for a windows pod")}
	}
	var errs field.ErrorList
	if r.Claims != nil {
		errs = append(errs, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	errs = append(errs, v.requirements(r, podResourceName, path)...)
	pod := &corev1.Pod{Spec: *v.spec}
	sums := resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range sorted(sums) {
		if request, ok := r.Requests[name]; ok {
			if sum := sums[name]; sum.Cmp(request) > 0 {
				errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(),
					fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
			}
		}
	}
	sums = resourcehelper.AggregateContainerLimits(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range sorted(sums) {
		if limit, ok := r.Limits[name]; ok && isHugePages(name) {
			if sum := sums[name]; sum.Cmp(limit) > 0 {
				errs = append(errs, field.Invalid(path.Child("limits").Key(string(name)), limit.String(),
					fmt.Sprintf("must be greater than or equal to aggregate container limits of %s", sum.String())))
			}
		}
	}
	for i := range v.spec.Containers {
		own := v.spec.Containers[i].Resources.Limits
		for _, name := range sorted(own) {
			if limit, ok := r.Limits[name]; ok {
				if q := own[name]; q.Cmp(limit) > 0 {
					errs = append(errs, field.Invalid(path.Child("containers").Index(i).Key(string(name)).Child("limits"), q.String(),
						fmt.Sprintf("must be less than or equal to pod limits of %s", limit.String())))
				}
			}
		}
	}
	return errs
}

// sorted gives errors an order that does not change from call to call.
func sorted[K ~string, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

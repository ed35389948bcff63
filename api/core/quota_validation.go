package core

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateResourceQuota(q *corev1.ResourceQuota) field.ErrorList { return quotaSpec(&q.Spec, nil) }

// quotaSpec is given what the quota allowed before: that need not be mended.
func quotaSpec(s *corev1.ResourceQuotaSpec, before corev1.ResourceList) field.ErrorList {
	path := field.NewPath("spec")
	errs := quotaAmounts(s.Hard, path.Child("hard"), before)
	var scopes []corev1.ResourceQuotaScope
	at := path.Child("scopes")
	for _, scope := range s.Scopes {
		errs = append(errs, quotaScope(scope, s.Hard, at, at, s.Scopes, s.Scopes)...)
		scopes = append(scopes, scope)
	}
	errs = append(errs, conflicting(scopes, at, s.Scopes)...)
	if s.ScopeSelector == nil {
		return errs
	}
	at, scopes = path.Child("scopeSelector", "matchExpressions"), nil
	for _, r := range s.ScopeSelector.MatchExpressions {
		errs = append(errs, quotaScope(r.ScopeName, s.Hard, at.Child("scopeName"), at, r.ScopeName, s.ScopeSelector)...)
		errs = append(errs, scopeRequirement(r, at)...)
		scopes = append(scopes, r.ScopeName)
	}
	return append(errs, conflicting(scopes, at, s.Scopes)...)
}

// quotaAmounts checks amounts of resources, except those that were so before.
func quotaAmounts(list corev1.ResourceList, path *field.Path, before ...corev1.ResourceList) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sorted(list) {
		at := path.Key(string(name))
		errs = append(errs, quotaName(name, at)...)
		q := list[name]
		if !slices.ContainsFunc(before, func(old corev1.ResourceList) bool { o, ok := old[name]; return ok && o.Cmp(q) == 0 }) {
			errs = append(errs, quantityOf(name, q, at)...)
		}
	}
	return errs
}

func quotaName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	errs := resourceName(name, at)
	if !strings.Contains(string(name), "/") && !standardQuota(name) {
		errs = append(errs, field.Invalid(at, name, "must be a standard resource for quota"))
	}
	return errs
}

// standardQuota tells whether a name without a prefix can be limited.
func standardQuota(name corev1.ResourceName) bool {
	if isHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix) {
		return true
	}
	return standardResources[name] && name != corev1.ResourceStorage
}

var quotaScopes = []corev1.ResourceQuotaScope{
	corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeBestEffort,
	corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity,
	corev1.ResourceQuotaScopeVolumeAttributesClass,
}

// quotaScope checks a scope, and that it means something for all that is limited:
// an error about the one is at name, one about the other at list.
func quotaScope(scope corev1.ResourceQuotaScope, hard corev1.ResourceList, name, list *field.Path, nameValue, listValue any) field.ErrorList {
	var errs field.ErrorList
	if !slices.Contains(quotaScopes, scope) {
		errs = append(errs, field.Invalid(name, nameValue, "unsupported scope"))
	}
	for _, resource := range sorted(hard) {
		if standardQuota(resource) && !scoped(scope, resource) {
			errs = append(errs, field.Invalid(list, listValue, "unsupported scope applied to resource"))
		}
	}
	return errs
}

// scoped tells whether the scope tells some of the resource from others: that of
// the best effort is about pods alone, which ask for nothing.
func scoped(scope corev1.ResourceQuotaScope, resource corev1.ResourceName) bool {
	switch scope {
	case corev1.ResourceQuotaScopeBestEffort:
		return resource == corev1.ResourcePods
	case corev1.ResourceQuotaScopeVolumeAttributesClass:
		return resource == corev1.ResourcePersistentVolumeClaims || resource == corev1.ResourceRequestsStorage
	case corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort,
		corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		switch resource {
		case corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
			corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
			corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage:
			return true
		}
		return isHugePages(resource) || strings.HasPrefix(string(resource), corev1.ResourceRequestsHugePagesPrefix)
	}
	return true
}

func scopeRequirement(r corev1.ScopedResourceSelectorRequirement, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeTerminating,
		corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		if r.Operator != corev1.ScopeSelectorOpExists {
			errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
		}
	}
	switch r.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Invalid(path.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	return errs
}

func conflicting(scopes []corev1.ResourceQuotaScope, path *field.Path, value any) field.ErrorList {
	var errs field.ErrorList
	for _, pair := range [][2]corev1.ResourceQuotaScope{
		{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort},
		{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating},
	} {
		if slices.Contains(scopes, pair[0]) && slices.Contains(scopes, pair[1]) {
			errs = append(errs, field.Invalid(path, value, "conflicting scopes"))
		}
	}
	return errs
}

func validateResourceQuotaUpdate(q, old *corev1.ResourceQuota) field.ErrorList {
	errs := quotaSpec(&q.Spec, old.Spec.Hard)
	same := func(a, b []corev1.ResourceQuotaScope) bool {
		return !slices.ContainsFunc(a, func(s corev1.ResourceQuotaScope) bool { return !slices.Contains(b, s) })
	}
	if !same(q.Spec.Scopes, old.Spec.Scopes) || !same(old.Spec.Scopes, q.Spec.Scopes) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "scopes"), q.Spec.Scopes, Immutable))
	}
	return errs
}

func validateResourceQuotaStatus(q, old *corev1.ResourceQuota) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	if q.ResourceVersion == "" {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	errs = append(errs, quotaAmounts(q.Status.Hard, path.Child("hard"), old.Status.Hard, old.Spec.Hard)...)
	return append(errs, quotaAmounts(q.Status.Used, path.Child("used"), old.Status.Used)...)
}

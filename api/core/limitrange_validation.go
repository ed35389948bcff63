package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateLimitRange(l *corev1.LimitRange) field.ErrorList {
	var errs field.ErrorList
	seen := map[corev1.LimitType]bool{}
	for i := range l.Spec.Limits {
		item, at := &l.Spec.Limits[i], field.NewPath("spec", "limits").Index(i)
		errs = append(errs, limitType(item.Type, at.Child("type"))...)
		if seen[item.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), item.Type))
		}
		seen[item.Type] = true
		errs = append(errs, limitItem(item, at)...)
	}
	return errs
}

func limitType(t corev1.LimitType, path *field.Path) field.ErrorList {
	errs := qualifiedName(path, string(t))
	standard := t == corev1.LimitTypePod || t == corev1.LimitTypeContainer || t == corev1.LimitTypePersistentVolumeClaim
	if len(errs) == 0 && !strings.Contains(string(t), "/") && !standard {
		errs = append(errs, field.Invalid(path, t, "must be a standard limit type or fully qualified"))
	}
	return errs
}

func limitItem(item *corev1.LimitRangeItem, at *field.Path) field.ErrorList {
	names := resourceName
	if item.Type == corev1.LimitTypePod || item.Type == corev1.LimitTypeContainer {
		names = containerResourceName
	}
	lists := []struct {
		name string
		list corev1.ResourceList
	}{{"max", item.Max}, {"min", item.Min}, {"default", item.Default}, {"defaultRequest", item.DefaultRequest}, {"maxLimitRequestRatio", item.MaxLimitRequestRatio}}
	defaults, requests := item.Default, item.DefaultRequest
	var errs field.ErrorList
	for _, list := range lists {
		if item.Type == corev1.LimitTypePod && strings.HasPrefix(list.name, "default") {
			if len(list.list) > 0 {
				errs = append(errs, field.Forbidden(at.Child(list.name), "may not be specified when `type` is 'Pod'"))
			}
			defaults, requests = nil, nil
			continue
		}
		for _, name := range sorted(list.list) {
			errs = append(errs, names(name, at.Child(list.name).Key(string(name)))...)
		}
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, low := item.Min[corev1.ResourceStorage]
		if _, high := item.Max[corev1.ResourceStorage]; !low && !high {
			errs = append(errs, field.Required(at.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	for _, pair := range []struct {
		path, what string
		low, high  corev1.ResourceList
		// blame is which of the two is named as the wrong value.
		blame string
	}{
		{"min", "min value %s is greater than max value %s", item.Min, item.Max, "low"},
		{"defaultRequest", "min value %s is greater than default request value %s", item.Min, requests, "high"},
		{"defaultRequest", "default request value %s is greater than max value %s", requests, item.Max, "low"},
		{"defaultRequest", "default request value %s is greater than default limit value %s", requests, defaults, "low"},
		{"default", "min value %s is greater than default value %s", item.Min, defaults, "low"},
		{"default", "default value %s is greater than max value %s", defaults, item.Max, "high"},
	} {
		for _, name := range sorted(pair.low) {
			low := pair.low[name]
			high, ok := pair.high[name]
			if !ok || low.Cmp(high) <= 0 {
				continue
			}
			wrong := low
			if pair.blame == "high" {
				wrong = high
			}
			errs = append(errs, field.Invalid(at.Child(pair.path).Key(string(name)), wrong, fmt.Sprintf(pair.what, low.String(), high.String())))
		}
	}
	for _, name := range sorted(item.MaxLimitRequestRatio) {
		errs = append(errs, ratio(item, name, at.Child("maxLimitRequestRatio").Key(string(name)))...)
	}
	for _, name := range sorted(defaults) {
		limit := defaults[name]
		if request, ok := requests[name]; ok && !canOvercommit(name) && limit.Cmp(request) != 0 {
			errs = append(errs, field.Invalid(at.Child("defaultRequest").Key(string(name)), request,
				fmt.Sprintf("default value %s must equal to defaultRequest value %s in %s", limit.String(), request.String(), name)))
		}
	}
	return errs
}

// ratio checks how much more a limit may be than a request.
func ratio(item *corev1.LimitRangeItem, name corev1.ResourceName, at *field.Path) field.ErrorList {
	most := item.MaxLimitRequestRatio[name]
	var errs field.ErrorList
	if most.Cmp(*resource.NewQuantity(1, resource.DecimalSI)) < 0 {
		errs = append(errs, field.Invalid(at, most, fmt.Sprintf("ratio %s is less than 1", most.String())))
	}
	low, lowOK := item.Min[name]
	high, highOK := item.Max[name]
	if !lowOK || !highOK || low.IsZero() {
		return errs
	}
	if limit := high.AsApproximateFloat64() / low.AsApproximateFloat64(); most.AsApproximateFloat64() > limit {
		errs = append(errs, field.Invalid(at, most, fmt.Sprintf("ratio %s is greater than max/min = %f", most.String(), limit)))
	}
	return errs
}

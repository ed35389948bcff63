package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func limitRanges() *api.Resource {
	return api.Definition[*corev1.LimitRange]{
		Kind:             corev1.SchemeGroupVersion.WithKind("LimitRange"),
		Plural:           "limitranges",
		ShortNames:       []string{"limits"},
		New:              api.New[corev1.LimitRange],
		NewList:          api.NewList[corev1.LimitRangeList],
		Default:          defaultLimitRange,
		PrepareForCreate: nameLimitRange,
		CreateOnUpdate:   true,
		Validate:         validateLimitRange,
		ValidateUpdate:   func(l, _ *corev1.LimitRange) field.ErrorList { return validateLimitRange(l) },
	}.Resource()
}

// nameLimitRange gives one that has no name its own.
func nameLimitRange(l *corev1.LimitRange) {
	if l.Name == "" {
		l.Name = string(uuid.NewUUID())
	}
}

package core

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// appArmorFields copies the AppArmor profiles that a new pod names in
// annotations, as was the way before v1.30, to the fields of the containers that
// have none (KEP-24).
func appArmorFields(p *corev1.Pod) {
	eachAnnotated(p, func(c *corev1.Container, _ string, profile *corev1.AppArmorProfile) {
		if profile == nil || sameAsPods(p, profile) {
			return
		}
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		c.SecurityContext.AppArmorProfile = profile
	})
}

// appArmorWarnings are those about annotations that appArmorFields copies, or
// that say nothing which could be copied.
func appArmorWarnings(p *corev1.Pod) []string {
	var all warnings
	eachAnnotated(p, func(_ *corev1.Container, key string, profile *corev1.AppArmorProfile) {
		if profile == nil || !sameAsPods(p, profile) {
			all.add(field.NewPath("metadata", "annotations").Key(key), "%s", oldAppArmor)
		}
	})
	return all
}

const oldAppArmor = `deprecated since v1.30; use the "appArmorProfile" field instead`

// eachAnnotated calls f for the containers that have an annotation and no field,
// with the profile that the annotation means, nil for none.
func eachAnnotated(p *corev1.Pod, f func(c *corev1.Container, key string, profile *corev1.AppArmorProfile)) {
	if len(p.Annotations) == 0 || isWindows(&p.Spec) {
		return
	}
	for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range list {
			c := &list[i]
			key := corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + c.Name
			text, ok := p.Annotations[key]
			if ok && (c.SecurityContext == nil || c.SecurityContext.AppArmorProfile == nil) {
				f(c, key, appArmorProfile(text))
			}
		}
	}
}

func sameAsPods(p *corev1.Pod, profile *corev1.AppArmorProfile) bool {
	return p.Spec.SecurityContext != nil && reflect.DeepEqual(p.Spec.SecurityContext.AppArmorProfile, profile)
}

// appArmorProfile is the profile that an annotation means, or nil.
func appArmorProfile(text string) *corev1.AppArmorProfile {
	switch text {
	case corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	}
	name, local := strings.CutPrefix(text, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
	profile := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &name}
	if !local || len(validateAppArmor(profile, field.NewPath("profile"))) > 0 {
		return nil
	}
	return profile
}

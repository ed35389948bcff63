package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	seccompLocalhost      = "localhost/"
	seccompRuntimeDefault = "runtime/default"
	seccompDockerDefault  = "docker/default"
	seccompUnconfined     = "unconfined"
)

// annotated checks the annotations that mean something on a pod or a template.
func (v *specCheck) annotated(path *field.Path) field.ErrorList {
	if len(v.annotations) == 0 {
		return nil
	}
	var errs field.ErrorList
	if value, mirror := v.annotations[corev1.MirrorPodAnnotationKey]; mirror && v.spec.NodeName == "" {
		errs = append(errs, field.Invalid(path.Key(corev1.MirrorPodAnnotationKey), value, "must set spec.nodeName if mirror pod annotation is set"))
	}
	if text := v.annotations[corev1.TolerationsAnnotationKey]; text != "" {
		var tolerations []corev1.Toleration
		if err := json.Unmarshal([]byte(text), &tolerations); err != nil {
			errs = append(errs, field.Invalid(path, corev1.TolerationsAnnotationKey, err.Error()))
		}
		errs = append(errs, ValidateTolerations(tolerations, path.Child(corev1.TolerationsAnnotationKey))...)
	}
	if cost, ok := v.annotations[corev1.PodDeletionCost]; ok && !isCost(cost) {
		errs = append(errs, v.since(ruleDeletionCost, field.ErrorList{field.Invalid(path.Key(corev1.PodDeletionCost), cost, "must be a 32bit integer")})...)
	}
	for _, key := range slices.Sorted(maps.Keys(v.annotations)) {
		value := v.annotations[key]
		if key == corev1.SeccompPodAnnotationKey || strings.HasPrefix(key, corev1.SeccompContainerAnnotationKeyPrefix) {
			errs = append(errs, seccompAnnotation(value, path.Child(key))...)
		}
		if name, ok := strings.CutPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix); ok {
			if !hasContainer(v.spec, name) {
				errs = append(errs, field.Invalid(path.Key(key), name, "container not found"))
			}
			if value != "" && value != corev1.DeprecatedAppArmorBetaProfileRuntimeDefault && value != corev1.DeprecatedAppArmorBetaProfileNameUnconfined &&
				!strings.HasPrefix(value, corev1.DeprecatedAppArmorBetaProfileNamePrefix) {
				errs = append(errs, field.Invalid(path.Key(key), value, fmt.Sprintf("invalid AppArmor profile name: %q", value)))
			}
		}
	}
	return errs
}

// isCost takes a number in its shortest form.
func isCost(text string) bool {
	n, err := strconv.ParseInt(text, 10, 32)
	return err == nil && !strings.HasPrefix(text, "+") && strconv.FormatInt(n, 10) == text
}

func hasContainer(s *corev1.PodSpec, name string) bool {
	found := false
	eachContainer(s, nil, func(c *corev1.Container, _ *field.Path) { found = found || c.Name == name })
	return found
}

func seccompAnnotation(profile string, path *field.Path) field.ErrorList {
	switch profile {
	case seccompRuntimeDefault, seccompDockerDefault, seccompUnconfined:
		return nil
	}
	if file, ok := strings.CutPrefix(profile, seccompLocalhost); ok {
		return localPath(file, path)
	}
	return field.ErrorList{field.Invalid(path, profile, "must be a valid seccomp profile")}
}

// annotationsAgree requires that fields and the annotations that came before
// them say the same, where both are used.
func annotationsAgree(annotations map[string]string, s *corev1.PodSpec, path *field.Path) field.ErrorList {
	if len(annotations) == 0 {
		return nil
	}
	var errs field.ErrorList
	var pod corev1.PodSecurityContext
	if s.SecurityContext != nil {
		pod = *s.SecurityContext
	}
	if text, ok := annotations[corev1.SeccompPodAnnotationKey]; ok {
		errs = append(errs, sameSeccomp(text, pod.SeccompProfile, path.Child("securityContext", "seccompProfile"))...)
	}
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		if text, ok := annotations[corev1.SeccompContainerAnnotationKeyPrefix+c.Name]; ok && c.SecurityContext != nil {
			errs = append(errs, sameSeccomp(text, c.SecurityContext.SeccompProfile, at.Child("securityContext", "seccompProfile"))...)
		}
	})
	if isWindows(s) {
		return errs
	}
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		profile := pod.AppArmorProfile
		if c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil {
			profile = c.SecurityContext.AppArmorProfile
		}
		if text, ok := annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+c.Name]; ok && profile != nil {
			errs = append(errs, sameAppArmor(text, profile, at.Child("securityContext", "appArmorProfile"))...)
		}
	})
	return errs
}

func sameSeccomp(text string, p *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	same := true
	switch p.Type {
	case corev1.SeccompProfileTypeUnconfined:
		same = text == seccompUnconfined
	case corev1.SeccompProfileTypeRuntimeDefault:
		same = text == seccompRuntimeDefault || text == seccompDockerDefault
	case corev1.SeccompProfileTypeLocalhost:
		file, local := strings.CutPrefix(text, seccompLocalhost)
		if local && (p.LocalhostProfile == nil || file != *p.LocalhostProfile) {
			return field.ErrorList{field.Forbidden(path.Child("localhostProfile"), "seccomp profile in annotation and field must match")}
		}
		same = local
	}
	if !same {
		return field.ErrorList{field.Forbidden(path.Child("type"), "seccomp type in annotation and field must match")}
	}
	return nil
}

func sameAppArmor(text string, p *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	same := true
	switch p.Type {
	case corev1.AppArmorProfileTypeUnconfined:
		same = text == corev1.DeprecatedAppArmorBetaProfileNameUnconfined
	case corev1.AppArmorProfileTypeRuntimeDefault:
		same = text == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault
	case corev1.AppArmorProfileTypeLocalhost:
		name, local := strings.CutPrefix(text, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
		if local && (p.LocalhostProfile == nil || name != *p.LocalhostProfile) {
			return field.ErrorList{field.Forbidden(path.Child("localhostProfile"), "apparmor profile in annotation and field must match")}
		}
		same = local
	}
	if !same {
		return field.ErrorList{field.Forbidden(path.Child("type"), "apparmor type in annotation and field must match")}
	}
	return nil
}

// annotationUpdate keeps the annotations of a pod that may not change.
func annotationUpdate(now, old map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if value, ok := now[key]; ok && value == old[key] {
			continue
		}
		if strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix) {
			errs = append(errs, field.Forbidden(path.Key(key), "may not remove or update AppArmor annotations"))
		}
		if key == corev1.MirrorPodAnnotationKey {
			errs = append(errs, field.Forbidden(path.Key(key), "may not remove or update mirror pod annotation"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, had := old[key]; had {
			continue
		}
		if strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix) {
			errs = append(errs, field.Forbidden(path.Key(key), "may not add AppArmor annotations"))
		}
		if key == corev1.MirrorPodAnnotationKey {
			errs = append(errs, field.Forbidden(path.Key(key), "may not add mirror pod annotation"))
		}
	}
	return errs
}

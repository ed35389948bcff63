package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePodSecurity(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	c := s.SecurityContext
	if c == nil {
		return nil
	}
	errs = append(errs, id(c.FSGroup, validation.IsValidGroupID, path.Child("fsGroup"))...)
	errs = append(errs, id(c.RunAsUser, validation.IsValidUserID, path.Child("runAsUser"))...)
	errs = append(errs, id(c.RunAsGroup, validation.IsValidGroupID, path.Child("runAsGroup"))...)
	for i := range c.SupplementalGroups {
		errs = append(errs, id(&c.SupplementalGroups[i], validation.IsValidGroupID, path.Child("supplementalGroups").Index(i))...)
	}
	if s.ShareProcessNamespace != nil && *s.ShareProcessNamespace && s.HostPID {
		errs = append(errs, field.Invalid(path.Child("shareProcessNamespace"), *s.ShareProcessNamespace, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	errs = append(errs, validateSysctls(c.Sysctls, s, path.Child("sysctls"))...)
	if p := c.FSGroupChangePolicy; p != nil {
		errs = append(errs, enum(path.Child("fsGroupChangePolicy"), *p, corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	if p := c.SupplementalGroupsPolicy; p != nil {
		errs = append(errs, enum(path.Child("supplementalGroupsPolicy"), *p, corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	}
	errs = append(errs, validateSeccomp(c.SeccompProfile, path.Child("seccompProfile"))...)
	errs = append(errs, validateAppArmor(c.AppArmorProfile, path.Child("appArmorProfile"))...)
	if s.HostUsers != nil && !*s.HostUsers {
		for name, set := range map[string]bool{"hostPID": s.HostPID, "hostIPC": s.HostIPC, "hostNetwork": s.HostNetwork} {
			if set {
				errs = append(errs, field.Forbidden(path.Child(name), "when `hostUsers` is false"))
			}
		}
	}
	return errs
}

func id(value *int64, check func(int64) []string, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	var errs field.ErrorList
	for _, msg := range check(*value) {
		errs = append(errs, field.Invalid(path, *value, msg))
	}
	return errs
}

func validateSysctls(sysctls []corev1.Sysctl, s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, ctl := range sysctls {
		at := path.Index(i).Child("name")
		switch {
		case ctl.Name == "":
			errs = append(errs, field.Required(at, ""))
			continue
		case !sysctlName(ctl.Name):
			errs = append(errs, field.Invalid(at, ctl.Name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"))
		case seen[ctl.Name]:
			errs = append(errs, field.Duplicate(at, ctl.Name))
		}
		seen[ctl.Name] = true
		name := strings.ReplaceAll(ctl.Name, "/", ".")
		if s.HostNetwork && strings.HasPrefix(name, "net.") {
			errs = append(errs, field.Invalid(at, ctl.Name, "may not be specified when 'hostNetwork' is true"))
		}
		if s.HostIPC && (strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") || name == "kernel.sem" || strings.HasPrefix(name, "fs.mqueue.")) {
			errs = append(errs, field.Invalid(at, ctl.Name, "may not be specified when 'hostIPC' is true"))
		}
	}
	return errs
}

func sysctlName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' }) {
		if len(validation.IsDNS1123Label(strings.ReplaceAll(part, "_", "-"))) > 0 {
			return false
		}
	}
	return !strings.Contains(name, "..") && !strings.HasSuffix(name, ".") && !strings.HasPrefix(name, ".")
}

func validateSeccomp(p *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	local := p.LocalhostProfile != nil
	switch p.Type {
	case corev1.SeccompProfileTypeLocalhost:
		if !local {
			return field.ErrorList{field.Required(path.Child("localhostProfile"), "must be set when seccomp type is Localhost")}
		}
		return localPath(*p.LocalhostProfile, path.Child("localhostProfile"))
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when seccompProfile is set")}
	case corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined:
		if local {
			return field.ErrorList{field.Invalid(path.Child("localhostProfile"), p.LocalhostProfile, "can only be set when seccomp type is Localhost")}
		}
		return nil
	}
	return field.ErrorList{field.NotSupported(path.Child("type"), p.Type,
		[]corev1.SeccompProfileType{corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined})}
}

func validateAppArmor(p *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	switch p.Type {
	case corev1.AppArmorProfileTypeLocalhost:
		if p.LocalhostProfile == nil {
			return field.ErrorList{field.Required(path.Child("localhostProfile"), "must be set when AppArmor type is Localhost")}
		}
		return nil
	case corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined:
		if p.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(path.Child("localhostProfile"), p.LocalhostProfile, "can only be set when AppArmor type is Localhost")}
		}
		return nil
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when appArmorProfile is set")}
	}
	return field.ErrorList{field.NotSupported(path.Child("type"), p.Type,
		[]corev1.AppArmorProfileType{corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined})}
}

func validateContainerSecurity(c *corev1.SecurityContext, hostUsers *bool, path *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	errs := id(c.RunAsUser, validation.IsValidUserID, path.Child("runAsUser"))
	errs = append(errs, id(c.RunAsGroup, validation.IsValidGroupID, path.Child("runAsGroup"))...)
	if m := c.ProcMount; m != nil {
		errs = append(errs, enum(path.Child("procMount"), *m, corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *m == corev1.UnmaskedProcMount && (hostUsers == nil || *hostUsers) {
			errs = append(errs, field.Invalid(path.Child("procMount"), c.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(c.SeccompProfile, path.Child("seccompProfile"))...)
	errs = append(errs, validateAppArmor(c.AppArmorProfile, path.Child("appArmorProfile"))...)
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation {
		return errs
	}
	if c.Privileged != nil && *c.Privileged {
		errs = append(errs, field.Invalid(path, c, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
	}
	if c.Capabilities != nil {
		for _, added := range c.Capabilities.Add {
			if added == "CAP_SYS_ADMIN" {
				errs = append(errs, field.Invalid(path, c, fmt.Sprintf("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` %s", added)))
			}
		}
	}
	return errs
}

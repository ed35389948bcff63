package core

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/node/util/sysctl"

	"minke/api"
)

func (v *specCheck) podSecurity(spec *field.Path) field.ErrorList {
	s, path := v.spec, spec.Child("securityContext")
	var errs field.ErrorList
	if c := s.SecurityContext; c != nil {
		errs = append(errs, id(c.FSGroup, validation.IsValidGroupID, path.Child("fsGroup"))...)
		errs = append(errs, id(c.RunAsUser, validation.IsValidUserID, path.Child("runAsUser"))...)
		errs = append(errs, id(c.RunAsGroup, validation.IsValidGroupID, path.Child("runAsGroup"))...)
		for i := range c.SupplementalGroups {
			errs = append(errs, id(&c.SupplementalGroups[i], validation.IsValidGroupID, path.Child("supplementalGroups").Index(i))...)
		}
		errs = append(errs, v.sysctls(c.Sysctls, path.Child("sysctls"))...)
		if p := c.FSGroupChangePolicy; p != nil {
			errs = append(errs, oneOf(path.Child("fsGroupChangePolicy"), *p, corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
		}
		errs = append(errs, validateSeccomp(c.SeccompProfile, path.Child("seccompProfile"))...)
		errs = append(errs, windowsOptions(c.WindowsOptions, path.Child("windowsOptions"))...)
		errs = append(errs, validateAppArmor(c.AppArmorProfile, path.Child("appArmorProfile"))...)
		if p := c.SupplementalGroupsPolicy; p != nil {
			errs = append(errs, oneOf(path.Child("supplementalGroupsPolicy"), *p, corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
		}
		if p := c.SELinuxChangePolicy; p != nil {
			errs = append(errs, oneOf(path.Child("seLinuxChangePolicy"), *p, corev1.SELinuxChangePolicyMountOption, corev1.SELinuxChangePolicyRecursive)...)
		}
	}
	if share := s.ShareProcessNamespace; share != nil && *share && s.HostPID {
		errs = append(errs, field.Invalid(spec.Child("shareProcessNamespace"), *share, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	return errs
}

// hostUsers checks a pod with users of its own (KEP-127), which may have no
// namespace of the host's, and no raw devices: their owners are not translated.
func (v *specCheck) hostUsers(path *field.Path) field.ErrorList {
	s := v.spec
	if s.HostUsers == nil || *s.HostUsers {
		return nil
	}
	errs := forbid(path, "when `hostUsers` is false", []setField{{"hostNetwork", s.HostNetwork}, {"HostPID", s.HostPID}, {"HostIPC", s.HostIPC}})
	var devices field.ErrorList
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		devices = append(devices, forbid(at, "when `hostUsers` is false", []setField{{"volumeDevices", len(c.VolumeDevices) > 0}})...)
	})
	return append(errs, v.since(ruleUsersVolumeDevices, devices)...)
}

// eachContainer visits the containers of all kinds.
func eachContainer(s *corev1.PodSpec, path *field.Path, visit func(*corev1.Container, *field.Path)) {
	for i := range s.InitContainers {
		visit(&s.InitContainers[i], path.Child("initContainers").Index(i))
	}
	for i := range s.Containers {
		visit(&s.Containers[i], path.Child("containers").Index(i))
	}
	for i := range s.EphemeralContainers {
		c := corev1.Container(s.EphemeralContainers[i].EphemeralContainerCommon)
		visit(&c, path.Child("ephemeralContainers").Index(i))
	}
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

// maxSysctlName is the length of the name of a kernel parameter.
const maxSysctlName = 253

var sysctlName = regexp.MustCompile(`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`)

func (v *specCheck) sysctls(sysctls []corev1.Sysctl, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, ctl := range sysctls {
		at := path.Index(i).Child("name")
		switch {
		case ctl.Name == "":
			errs = append(errs, field.Required(at, ""))
		case len(ctl.Name) > maxSysctlName || !sysctlName.MatchString(ctl.Name):
			errs = append(errs, field.Invalid(at, ctl.Name, fmt.Sprintf("must have at most %d characters and match regex %s", maxSysctlName, sysctlName)))
		case seen[ctl.Name]:
			errs = append(errs, field.Duplicate(at, ctl.Name))
		}
		seen[ctl.Name] = true
		errs = append(errs, v.since(ruleHostSysctls, hostSysctl(ctl.Name, v.spec, at))...)
	}
	return errs
}

// hostSysctl refuses a parameter of a namespace that is the host's.
func hostSysctl(name string, s *corev1.PodSpec, path *field.Path) field.ErrorList {
	namespace, _, _ := sysctl.GetNamespace(name)
	switch {
	case s.HostNetwork && namespace == sysctl.NetNamespace:
		return field.ErrorList{field.Invalid(path, name, "may not be specified when 'hostNetwork' is true")}
	case s.HostIPC && namespace == sysctl.IPCNamespace:
		return field.ErrorList{field.Invalid(path, name, "may not be specified when 'hostIPC' is true")}
	}
	return nil
}

func validateSeccomp(p *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	var errs field.ErrorList
	if p.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "type is required when seccompProfile is set"))
	} else {
		errs = append(errs, oneOf(path.Child("type"), p.Type, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)...)
	}
	at := path.Child("localhostProfile")
	switch {
	case p.Type != corev1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile != nil {
			errs = append(errs, field.Invalid(at, api.Untagged(p), "can only be set when seccomp type is Localhost"))
		}
	case p.LocalhostProfile == nil:
		errs = append(errs, field.Required(at, "must be set when seccomp type is Localhost"))
	default:
		errs = append(errs, localPath(*p.LocalhostProfile, at)...)
	}
	return errs
}

// maxProfileName is the longest path that Linux takes.
const maxProfileName = 4095

func validateAppArmor(p *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	at := path.Child("localhostProfile")
	switch p.Type {
	case corev1.AppArmorProfileTypeLocalhost:
		const missing = "must be set when AppArmor type is Localhost"
		if p.LocalhostProfile == nil {
			return field.ErrorList{field.Required(at, missing)}
		}
		var errs field.ErrorList
		if name := *p.LocalhostProfile; strings.TrimSpace(name) != name {
			errs = append(errs, field.Invalid(at, name, "must not be padded with whitespace"))
		} else if name == "" {
			errs = append(errs, field.Required(at, missing))
		}
		if len(*p.LocalhostProfile) > maxProfileName {
			errs = append(errs, field.TooLong(at, "", maxProfileName))
		}
		return errs
	case corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined:
		if p.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(at, p.LocalhostProfile, "can only be set when AppArmor type is Localhost")}
		}
		return nil
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when appArmorProfile is set")}
	}
	return field.ErrorList{field.NotSupported(path.Child("type"), p.Type,
		[]corev1.AppArmorProfileType{corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined})}
}

func (v *specCheck) containerSecurity(c *corev1.SecurityContext, path *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	errs := id(c.RunAsUser, validation.IsValidUserID, path.Child("runAsUser"))
	errs = append(errs, id(c.RunAsGroup, validation.IsValidGroupID, path.Child("runAsGroup"))...)
	if m := c.ProcMount; m != nil {
		errs = append(errs, oneOf(path.Child("procMount"), *m, corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *m == corev1.UnmaskedProcMount && (v.spec.HostUsers == nil || *v.spec.HostUsers) {
			errs = append(errs, field.Invalid(path.Child("procMount"), c.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(c.SeccompProfile, path.Child("seccompProfile"))...)
	if c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation {
		if c.Privileged != nil && *c.Privileged {
			errs = append(errs, field.Invalid(path, c, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		if c.Capabilities != nil && slices.Contains(c.Capabilities.Add, "CAP_SYS_ADMIN") {
			errs = append(errs, field.Invalid(path, c, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
		}
	}
	errs = append(errs, windowsOptions(c.WindowsOptions, path.Child("windowsOptions"))...)
	return append(errs, validateAppArmor(c.AppArmorProfile, path.Child("appArmorProfile"))...)
}

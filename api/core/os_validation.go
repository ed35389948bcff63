package core

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func isWindows(s *corev1.PodSpec) bool { return s.OS != nil && s.OS.Name == corev1.Windows }

// validateOS refuses what the pod's operating system does not have.
func validateOS(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	switch {
	case s.OS == nil:
		return nil
	case s.OS.Name == "":
		return field.ErrorList{field.Required(path.Child("os", "name"), "")}
	case s.OS.Name == corev1.Linux:
		return validateLinux(s, path)
	case s.OS.Name == corev1.Windows:
		return validateWindows(s, path)
	}
	return field.ErrorList{field.NotSupported(path.Child("os"), s.OS.Name, []corev1.OSName{corev1.Linux, corev1.Windows})}
}

func validateLinux(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	const why = "windows options cannot be set for a linux pod"
	var errs field.ErrorList
	if c := s.SecurityContext; c != nil {
		errs = append(errs, forbid(path.Child("securityContext"), why, []setField{{"windowsOptions", c.WindowsOptions != nil}})...)
	}
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		if c.SecurityContext != nil {
			errs = append(errs, forbid(at.Child("securityContext"), why, []setField{{"windowsOptions", c.SecurityContext.WindowsOptions != nil}})...)
		}
	})
	return errs
}

func validateWindows(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	const why = "cannot be set for a windows pod"
	var errs field.ErrorList
	if c := s.SecurityContext; c != nil {
		errs = append(errs, forbid(path.Child("securityContext"), why, []setField{
			{"appArmorProfile", c.AppArmorProfile != nil}, {"seLinuxOptions", c.SELinuxOptions != nil}, {"seccompProfile", c.SeccompProfile != nil},
			{"fsGroup", c.FSGroup != nil}, {"fsGroupChangePolicy", c.FSGroupChangePolicy != nil}, {"sysctls", len(c.Sysctls) > 0},
			{"runAsUser", c.RunAsUser != nil}, {"runAsGroup", c.RunAsGroup != nil}, {"supplementalGroups", c.SupplementalGroups != nil},
			{"supplementalGroupsPolicy", c.SupplementalGroupsPolicy != nil}, {"seLinuxChangePolicy", c.SELinuxChangePolicy != nil},
		})...)
	}
	errs = append(errs, forbid(path, why, []setField{
		{"hostUsers", s.HostUsers != nil}, {"hostPID", s.HostPID}, {"hostIPC", s.HostIPC}, {"shareProcessNamespace", s.ShareProcessNamespace != nil},
	})...)
	eachContainer(s, path, func(container *corev1.Container, at *field.Path) {
		c := container.SecurityContext
		if c == nil {
			return
		}
		errs = append(errs, forbid(at.Child("securityContext"), why, []setField{
			{"appArmorProfile", c.AppArmorProfile != nil}, {"seLinuxOptions", c.SELinuxOptions != nil}, {"seccompProfile", c.SeccompProfile != nil},
			{"capabilities", c.Capabilities != nil}, {"readOnlyRootFilesystem", c.ReadOnlyRootFilesystem != nil}, {"privileged", c.Privileged != nil},
			{"allowPrivilegeEscalation", c.AllowPrivilegeEscalation != nil}, {"procMount", c.ProcMount != nil},
			{"runAsUser", c.RunAsUser != nil}, {"runAsGroup", c.RunAsGroup != nil},
		})...)
	})
	return errs
}

// hostProcesses checks Windows containers that run on the host: all of a pod's
// do, or none.
func hostProcesses(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var pod *bool
	if c := s.SecurityContext; c != nil && c.WindowsOptions != nil {
		pod = c.WindowsOptions.HostProcess
	}
	var errs field.ErrorList
	all, host := 0, 0
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		all++
		var own *bool
		if c.SecurityContext != nil && c.SecurityContext.WindowsOptions != nil {
			own = c.SecurityContext.WindowsOptions.HostProcess
		}
		if pod != nil && own != nil && *pod != *own {
			errs = append(errs, field.Invalid(at.Child("securityContext", "windowsOptions", "hostProcess"), *own,
				fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *pod)))
		}
		if (own != nil && *own) || (own == nil && pod != nil && *pod) {
			host++
		}
	})
	if host == 0 {
		return errs
	}
	if host != all {
		errs = append(errs, field.Invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
	}
	if !s.HostNetwork {
		errs = append(errs, field.Invalid(path.Child("hostNetwork"), s.HostNetwork, "hostNetwork must be true if pod contains any hostProcess containers"))
	}
	return errs
}

// The bounds of the names and the credentials of Windows users.
const (
	maxCredentialKiB = 64
	maxUserDomain    = 256
	maxUserName      = 104
)

var (
	controlCharacter = regexp.MustCompile(`[[:cntrl:]]+`)
	// A NetBIOS name has at most 15 characters and does not begin with a dot.
	netBIOSName = regexp.MustCompile(`^[^\\/:\*\?"<>|\.][^\\/:\*\?"<>|]{0,14}$`)
	dnsName     = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
)

func windowsOptions(o *corev1.WindowsSecurityContextOptions, path *field.Path) field.ErrorList {
	if o == nil {
		return nil
	}
	var errs field.ErrorList
	if o.GMSACredentialSpecName != nil {
		errs = append(errs, subdomain(path.Child("gmsaCredentialSpecName"), *o.GMSACredentialSpecName)...)
	}
	if spec := o.GMSACredentialSpec; spec != nil {
		at := path.Child("gmsaCredentialSpec")
		if *spec == "" {
			errs = append(errs, field.Invalid(at, spec, "gmsaCredentialSpec cannot be an empty string"))
		} else if len(*spec) > maxCredentialKiB*1024 {
			errs = append(errs, field.Invalid(at, spec, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", maxCredentialKiB)))
		}
	}
	if o.RunAsUserName != nil {
		errs = append(errs, invalid(path.Child("runAsUserName"), *o.RunAsUserName, windowsUser(*o.RunAsUserName))...)
	}
	return errs
}

// windowsUser says what is wrong with a user's name, USER or DOMAIN\USER.
func windowsUser(name string) []string {
	parts := strings.Split(name, `\`)
	switch {
	case name == "":
		return []string{"runAsUserName cannot be an empty string"}
	case controlCharacter.MatchString(name):
		return []string{"runAsUserName cannot contain control characters"}
	case len(parts) > 2:
		return []string{"runAsUserName cannot contain more than one backslash"}
	}
	var all []string
	user := parts[len(parts)-1]
	if len(parts) == 2 {
		if len(parts[0]) >= maxUserDomain {
			all = append(all, fmt.Sprintf("runAsUserName's Domain length must be under %d characters", maxUserDomain))
		}
		if !netBIOSName.MatchString(parts[0]) && !dnsName.MatchString(parts[0]) {
			all = append(all, "runAsUserName's Domain doesn't match the NetBios nor the DNS format")
		}
	}
	if user == "" {
		all = append(all, "runAsUserName's User cannot be empty")
	} else if len(user) > maxUserName {
		all = append(all, fmt.Sprintf("runAsUserName's User length must not be longer than %d characters", maxUserName))
	}
	if user != "" && strings.Trim(user, ". ") == "" {
		all = append(all, "runAsUserName's User cannot contain only periods or spaces")
	}
	if strings.ContainsAny(user, `"/\:;|=,+*?<>@[]`) {
		all = append(all, `runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`)
	}
	return all
}

package spec

import (
	"fmt"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var (
	maskedPaths = []string{"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// EffectiveSecurity merges the pod's security context into the container's,
// which has precedence.
func EffectiveSecurity(pod *corev1.Pod, c *corev1.Container) *corev1.SecurityContext {
	out := &corev1.SecurityContext{}
	if c.SecurityContext != nil {
		out = c.SecurityContext.DeepCopy()
	}
	p := pod.Spec.SecurityContext
	if p == nil {
		return out
	}
	if out.RunAsUser == nil {
		out.RunAsUser = p.RunAsUser
	}
	if out.RunAsGroup == nil {
		out.RunAsGroup = p.RunAsGroup
	}
	if out.RunAsNonRoot == nil {
		out.RunAsNonRoot = p.RunAsNonRoot
	}
	if out.SeccompProfile == nil {
		out.SeccompProfile = p.SeccompProfile
	}
	if out.AppArmorProfile == nil {
		out.AppArmorProfile = p.AppArmorProfile
	}
	if out.SELinuxOptions == nil {
		out.SELinuxOptions = p.SELinuxOptions
	}
	return out
}

// security is the container's CRI security context. image tells the user that
// the image names.
func (b *Builder) security(pod *corev1.Pod, c *corev1.Container, image *runtimeapi.Image) (*runtimeapi.LinuxContainerSecurityContext, error) {
	e := EffectiveSecurity(pod, c)
	if err := verifyNonRoot(pod, c, e, image); err != nil {
		return nil, err
	}
	s := &runtimeapi.LinuxContainerSecurityContext{
		Privileged:       isTrue(e.Privileged),
		ReadonlyRootfs:   isTrue(e.ReadOnlyRootFilesystem),
		NamespaceOptions: namespaces(pod),
		NoNewPrivs:       e.AllowPrivilegeEscalation != nil && !*e.AllowPrivilegeEscalation,
		Seccomp:          b.seccomp(e),
		Apparmor:         apparmor(e.AppArmorProfile),
	}
	switch {
	case e.RunAsUser != nil:
		s.RunAsUser = &runtimeapi.Int64Value{Value: *e.RunAsUser}
	case image.GetUid() != nil:
		s.RunAsUser = image.Uid
	default:
		s.RunAsUsername = image.GetUsername()
	}
	if e.RunAsGroup != nil {
		s.RunAsGroup = &runtimeapi.Int64Value{Value: *e.RunAsGroup}
		if s.RunAsUser == nil && s.RunAsUsername == "" {
			s.RunAsUser = &runtimeapi.Int64Value{}
		}
	}
	if caps := e.Capabilities; caps != nil {
		s.Capabilities = &runtimeapi.Capability{}
		for _, name := range caps.Add {
			s.Capabilities.AddCapabilities = append(s.Capabilities.AddCapabilities, string(name))
		}
		for _, name := range caps.Drop {
			s.Capabilities.DropCapabilities = append(s.Capabilities.DropCapabilities, string(name))
		}
	}
	if !s.Privileged && (e.ProcMount == nil || *e.ProcMount != corev1.UnmaskedProcMount) {
		s.MaskedPaths, s.ReadonlyPaths = maskedPaths, readonlyPaths
	}
	if o := e.SELinuxOptions; o != nil {
		s.SelinuxOptions = &runtimeapi.SELinuxOption{User: o.User, Role: o.Role, Type: o.Type, Level: o.Level}
	}
	s.SupplementalGroups, s.SupplementalGroupsPolicy = groups(pod)
	return s, nil
}

func groups(pod *corev1.Pod) ([]int64, runtimeapi.SupplementalGroupsPolicy) {
	p := pod.Spec.SecurityContext
	if p == nil {
		return nil, 0
	}
	var list []int64
	if p.FSGroup != nil {
		list = append(list, *p.FSGroup)
	}
	list = append(list, p.SupplementalGroups...)
	policy := runtimeapi.SupplementalGroupsPolicy_Merge
	if p.SupplementalGroupsPolicy != nil && *p.SupplementalGroupsPolicy == corev1.SupplementalGroupsPolicyStrict {
		policy = runtimeapi.SupplementalGroupsPolicy_Strict
	}
	return list, policy
}

func verifyNonRoot(pod *corev1.Pod, c *corev1.Container, e *corev1.SecurityContext, image *runtimeapi.Image) error {
	if !isTrue(e.RunAsNonRoot) {
		return nil
	}
	who := fmt.Sprintf("(pod: %q, container: %s)", pod.Name+"_"+pod.Namespace+"("+string(pod.UID)+")", c.Name)
	if e.RunAsUser != nil {
		if *e.RunAsUser == 0 {
			return &ConfigError{fmt.Errorf("container's runAsUser breaks non-root policy %s", who)}
		}
		return nil
	}
	switch {
	case image.GetUid() != nil && image.Uid.Value == 0:
		return &ConfigError{fmt.Errorf("container has runAsNonRoot and image will run as root %s", who)}
	case image.GetUid() == nil && image.GetUsername() != "":
		return &ConfigError{fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", image.Username, who)}
	case image.GetUid() == nil:
		return &ConfigError{fmt.Errorf("container has runAsNonRoot and image will run as root %s", who)}
	}
	return nil
}

func (b *Builder) seccomp(e *corev1.SecurityContext) *runtimeapi.SecurityProfile {
	unconfined := &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
	if isTrue(e.Privileged) || e.SeccompProfile == nil {
		return unconfined
	}
	switch p := e.SeccompProfile; p.Type {
	case corev1.SeccompProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	case corev1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile != nil && filepath.IsLocal(*p.LocalhostProfile) {
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost,
				LocalhostRef: filepath.Join(b.RootDir, "seccomp", *p.LocalhostProfile)}
		}
		// A profile that cannot be named must not mean none at all.
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	}
	return unconfined
}

func apparmor(p *corev1.AppArmorProfile) *runtimeapi.SecurityProfile {
	if p == nil {
		return nil
	}
	switch p.Type {
	case corev1.AppArmorProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	case corev1.AppArmorProfileTypeLocalhost:
		if p.LocalhostProfile != nil {
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: *p.LocalhostProfile}
		}
	}
	return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
}

// namespaces tells which of the node's namespaces the pod shares.
func namespaces(pod *corev1.Pod) *runtimeapi.NamespaceOption {
	o := &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER}
	if pod.Spec.HostNetwork {
		o.Network = runtimeapi.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		o.Ipc = runtimeapi.NamespaceMode_NODE
	}
	switch {
	case pod.Spec.HostPID:
		o.Pid = runtimeapi.NamespaceMode_NODE
	case isTrue(pod.Spec.ShareProcessNamespace):
		o.Pid = runtimeapi.NamespaceMode_POD
	}
	return o
}

func formatSeconds(p *int64) string {
	if p == nil {
		return ""
	}
	return strconv.FormatInt(*p, 10)
}

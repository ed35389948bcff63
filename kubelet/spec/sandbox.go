package spec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// Sandbox is the configuration of the pod's sandbox; attempt counts the
// sandboxes that the pod had before.
func (b *Builder) Sandbox(pod *corev1.Pod, attempt uint32, cgroupParent string) (*runtimeapi.PodSandboxConfig, error) {
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt},
		LogDirectory: b.PodLogDir(pod),
		Labels:       map[string]string{},
		Annotations:  map[string]string{},
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: cgroupParent,
			Sysctls:      map[string]string{},
			Resources:    PodResources(pod),
		},
	}
	for k, v := range pod.Labels {
		config.Labels[k] = v
	}
	for k, v := range podLabels(pod) {
		config.Labels[k] = v
	}
	for k, v := range pod.Annotations {
		config.Annotations[k] = v
	}
	dns, err := b.DNS(pod)
	if err != nil {
		return nil, err
	}
	config.DnsConfig = dns
	if !pod.Spec.HostNetwork {
		if config.Hostname, _, err = b.Hostname(pod); err != nil {
			return nil, err
		}
		config.PortMappings = portMappings(pod)
	}
	config.Linux.SecurityContext = b.sandboxSecurity(pod)
	if p := pod.Spec.SecurityContext; p != nil {
		for _, s := range p.Sysctls {
			config.Linux.Sysctls[strings.ReplaceAll(s.Name, "/", ".")] = s.Value
		}
	}
	return config, nil
}

func podLabels(pod *corev1.Pod) map[string]string {
	return map[string]string{
		cri.LabelPodName:      pod.Name,
		cri.LabelPodNamespace: pod.Namespace,
		cri.LabelPodUID:       string(pod.UID),
	}
}

func (b *Builder) sandboxSecurity(pod *corev1.Pod) *runtimeapi.LinuxSandboxSecurityContext {
	s := &runtimeapi.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod),
		// The pause process has nothing that could need more.
		Seccomp: &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault},
	}
	for i := range pod.Spec.Containers {
		if c := pod.Spec.Containers[i].SecurityContext; c != nil && isTrue(c.Privileged) {
			s.Privileged = true
		}
	}
	s.SupplementalGroups, s.SupplementalGroupsPolicy = groups(pod)
	p := pod.Spec.SecurityContext
	if p == nil {
		return s
	}
	if p.RunAsUser != nil {
		s.RunAsUser = &runtimeapi.Int64Value{Value: *p.RunAsUser}
	}
	if p.RunAsGroup != nil && p.RunAsUser != nil {
		s.RunAsGroup = &runtimeapi.Int64Value{Value: *p.RunAsGroup}
	}
	if o := p.SELinuxOptions; o != nil {
		s.SelinuxOptions = &runtimeapi.SELinuxOption{User: o.User, Role: o.Role, Type: o.Type, Level: o.Level}
	}
	return s
}

var protocols = map[corev1.Protocol]runtimeapi.Protocol{
	corev1.ProtocolTCP: runtimeapi.Protocol_TCP, "": runtimeapi.Protocol_TCP,
	corev1.ProtocolUDP: runtimeapi.Protocol_UDP, corev1.ProtocolSCTP: runtimeapi.Protocol_SCTP,
}

func portMappings(pod *corev1.Pod) []*runtimeapi.PortMapping {
	var out []*runtimeapi.PortMapping
	add := func(c *corev1.Container) {
		for _, p := range c.Ports {
			out = append(out, &runtimeapi.PortMapping{Protocol: protocols[p.Protocol],
				ContainerPort: p.ContainerPort, HostPort: p.HostPort, HostIp: p.HostIP})
		}
	}
	for i := range pod.Spec.InitContainers {
		if IsSidecar(&pod.Spec.InitContainers[i]) {
			add(&pod.Spec.InitContainers[i])
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	return out
}

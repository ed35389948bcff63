package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

// defaultPod fills in a pod. Some defaults hold for pods alone and not for
// templates, so that a template stays what its author wrote.
func defaultPod(p *corev1.Pod) {
	DefaultPodSpec(&p.Spec)
	if t := p.Spec.TerminationGracePeriodSeconds; *t < 0 {
		p.Spec.TerminationGracePeriodSeconds = new(int64(1))
	}
	sameIPs(&p.Status)
	api.FillPointer(&p.Spec.EnableServiceLinks, true)
	for i := range p.Spec.InitContainers {
		requestsFromLimits(&p.Spec.InitContainers[i].Resources)
	}
	for i := range p.Spec.Containers {
		requestsFromLimits(&p.Spec.Containers[i].Resources)
	}
	if p.Spec.HostNetwork {
		hostPorts(p.Spec.InitContainers)
		hostPorts(p.Spec.Containers)
	}
}

// sameIPs keeps podIP the first of podIPs for those who know only one of the two.
// The older one holds where they differ.
func sameIPs(s *corev1.PodStatus) {
	switch {
	case s.PodIP == "" && len(s.PodIPs) > 0:
		s.PodIP = s.PodIPs[0].IP
	case s.PodIP != "" && (len(s.PodIPs) == 0 || s.PodIPs[0].IP != s.PodIP):
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	}
}

// DefaultPodTemplate fills in the template of a workload.
func DefaultPodTemplate(t *corev1.PodTemplateSpec) {
	DefaultPodSpec(&t.Spec)
}

// DefaultPodSpec fills in what is common to pods and templates.
func DefaultPodSpec(s *corev1.PodSpec) {
	api.Fill(&s.DNSPolicy, corev1.DNSClusterFirst)
	api.Fill(&s.RestartPolicy, corev1.RestartPolicyAlways)
	api.Fill(&s.SchedulerName, corev1.DefaultSchedulerName)
	api.FillPointer(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	api.FillPointer(&s.SecurityContext, corev1.PodSecurityContext{})
	// The deprecated alias follows the field that counts.
	s.DeprecatedServiceAccount, s.ServiceAccountName = sameAccount(s.DeprecatedServiceAccount, s.ServiceAccountName)
	roundUp(s.Overhead)
	for i := range s.Volumes {
		defaultVolume(&s.Volumes[i])
	}
	for i := range s.InitContainers {
		defaultContainer(&s.InitContainers[i])
	}
	for i := range s.Containers {
		defaultContainer(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		// An ephemeral container has the fields of a container.
		c := corev1.Container(s.EphemeralContainers[i].EphemeralContainerCommon)
		defaultContainer(&c)
		s.EphemeralContainers[i].EphemeralContainerCommon = corev1.EphemeralContainerCommon(c)
	}
}

func sameAccount(deprecated, name string) (string, string) {
	if name == "" {
		name = deprecated
	}
	return name, name
}

// requestsFromLimits makes the limit the request where only a limit is given.
func requestsFromLimits(r *corev1.ResourceRequirements) {
	for name, limit := range r.Limits {
		if _, ok := r.Requests[name]; ok {
			continue
		}
		if r.Requests == nil {
			r.Requests = corev1.ResourceList{}
		}
		r.Requests[name] = limit.DeepCopy()
	}
}

// hostPorts makes the host port the container's port, as the two are one on the
// host's network.
func hostPorts(containers []corev1.Container) {
	for i := range containers {
		for j := range containers[i].Ports {
			port := &containers[i].Ports[j]
			api.Fill(&port.HostPort, port.ContainerPort)
		}
	}
}

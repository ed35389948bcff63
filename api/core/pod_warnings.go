package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// replacedLabels are node labels that were renamed.
var replacedLabels = map[string]string{
	"beta.kubernetes.io/arch":                  `deprecated since v1.14; use "kubernetes.io/arch" instead`,
	"beta.kubernetes.io/os":                    `deprecated since v1.14; use "kubernetes.io/os" instead`,
	"failure-domain.beta.kubernetes.io/region": `deprecated since v1.17; use "topology.kubernetes.io/region" instead`,
	"failure-domain.beta.kubernetes.io/zone":   `deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
	"beta.kubernetes.io/instance-type":         `deprecated since v1.17; use "node.kubernetes.io/instance-type" instead`,
}

// podWarnings are given on creation alone: pods are updated by programs.
func podWarnings(p, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	var all []string
	if msgs := validation.IsDNS1123Label(p.Name); len(msgs) > 0 && p.Name != "" {
		all = append(all, fmt.Sprintf("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v", msgs))
	}
	return append(all, podSpecWarnings(&p.Spec, field.NewPath("spec"))...)
}

// PodTemplateWarnings are those about the template of a workload.
func PodTemplateWarnings(t *corev1.PodTemplateSpec, path *field.Path) []string {
	return podSpecWarnings(&t.Spec, path.Child("spec"))
}

func podSpecWarnings(s *corev1.PodSpec, path *field.Path) []string {
	var all []string
	for key := range s.NodeSelector {
		if text, ok := replacedLabels[key]; ok {
			all = append(all, fmt.Sprintf("%s: %s", path.Child("nodeSelector").Key(key), text))
		}
	}
	seen := map[string]bool{}
	for i, alias := range s.HostAliases {
		if seen[alias.IP] {
			all = append(all, fmt.Sprintf("%s: duplicate ip %q", path.Child("hostAliases").Index(i).Child("ip"), alias.IP))
		}
		seen[alias.IP] = true
	}
	pulls := map[string]bool{}
	for i, secret := range s.ImagePullSecrets {
		if pulls[secret.Name] {
			all = append(all, fmt.Sprintf("%s: duplicate name %q", path.Child("imagePullSecrets").Index(i).Child("name"), secret.Name))
		}
		pulls[secret.Name] = true
	}
	for i := range s.Volumes {
		if s.Volumes[i].GitRepo != nil {
			all = append(all, fmt.Sprintf("%s: deprecated in v1.11", path.Child("volumes").Index(i).Child("gitRepo")))
		}
	}
	if t := s.TerminationGracePeriodSeconds; t != nil && *t < 0 {
		all = append(all, fmt.Sprintf("%s: must be >= 0; negative values are invalid and will be treated as 1", path.Child("terminationGracePeriodSeconds")))
	}
	for i := range s.TopologySpreadConstraints {
		all = append(all, nullSelector(s.TopologySpreadConstraints[i].LabelSelector, path.Child("topologySpreadConstraints").Index(i))...)
	}
	for i := range s.InitContainers {
		all = append(all, containerWarnings(&s.InitContainers[i], path.Child("initContainers").Index(i))...)
	}
	for i := range s.Containers {
		all = append(all, containerWarnings(&s.Containers[i], path.Child("containers").Index(i))...)
	}
	return all
}

func nullSelector(s *metav1.LabelSelector, path *field.Path) []string {
	if s == nil {
		return []string{fmt.Sprintf("%s: a null labelSelector results in matching no pod", path.Child("labelSelector"))}
	}
	return nil
}

func containerWarnings(c *corev1.Container, path *field.Path) []string {
	var all []string
	for name, list := range map[string]corev1.ResourceList{"limits": c.Resources.Limits, "requests": c.Resources.Requests} {
		if q, ok := list[corev1.ResourceMemory]; ok && q.MilliValue()%1000 != 0 {
			all = append(all, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", path.Child("resources", name).Key("memory"), q.String()))
		}
	}
	names := map[string]bool{}
	for i, e := range c.Env {
		if names[e.Name] {
			all = append(all, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", path.Child("env").Index(i), e.Name))
		}
		names[e.Name] = true
	}
	type listen struct {
		port, host int32
		ip         string
		protocol   corev1.Protocol
	}
	ports := map[listen]*field.Path{}
	for i, p := range c.Ports {
		at, key := path.Child("ports").Index(i), listen{p.ContainerPort, p.HostPort, p.HostIP, p.Protocol}
		if first, ok := ports[key]; ok {
			all = append(all, fmt.Sprintf("%s: duplicate port definition with %s", at, first))
			continue
		}
		ports[key] = at
	}
	return all
}

func serviceWarnings(svc, _ *corev1.Service) []string {
	var all []string
	s := &svc.Spec
	if s.Type != corev1.ServiceTypeExternalName && s.ExternalName != "" {
		all = append(all, fmt.Sprintf("spec.externalName is ignored when spec.type is not %q", corev1.ServiceTypeExternalName))
	}
	if s.ClusterIP == corev1.ClusterIPNone {
		if len(s.ExternalIPs) > 0 {
			all = append(all, fmt.Sprintf("spec.externalIPs is ignored when spec.clusterIP is %q", corev1.ClusterIPNone))
		}
		if s.SessionAffinity != corev1.ServiceAffinityNone && s.SessionAffinity != "" {
			all = append(all, "spec.SessionAffinity is ignored for headless services")
		}
	}
	return all
}

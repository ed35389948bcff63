package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podWarnings are given on creation alone: pods are updated by programs.
func podWarnings(p, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	var all warnings
	if msgs := validation.IsDNS1123Label(p.Name); len(msgs) > 0 && p.Name != "" {
		all.add(field.NewPath("metadata", "name"), "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v", msgs)
	}
	all.pod(&p.ObjectMeta, &p.Spec, nil)
	return all
}

// PodTemplateWarnings are those about the template of a workload.
func PodTemplateWarnings(t *corev1.PodTemplateSpec, path *field.Path) []string {
	var all warnings
	all.pod(&t.ObjectMeta, &t.Spec, path)
	return all
}

// warnings are what a client is told about an object that is taken as it is.
type warnings []string

func (w *warnings) add(path *field.Path, format string, args ...any) {
	*w = append(*w, path.String()+": "+fmt.Sprintf(format, args...))
}

// deadAnnotations once meant something in a pod.
var deadAnnotations = []struct{ key, text string }{
	{"scheduler.alpha.kubernetes.io/critical-pod", `non-functional in v1.16+; use the "priorityClassName" field instead`},
	{"security.alpha.kubernetes.io/sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
	{"security.alpha.kubernetes.io/unsafe-sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
}

// pod warns about a pod, or about a template: only one of these has a path.
func (w *warnings) pod(meta *metav1.ObjectMeta, s *corev1.PodSpec, path *field.Path) {
	spec, annotations := path.Child("spec"), path.Child("metadata", "annotations")
	w.scheduling(s, spec)
	for _, dead := range deadAnnotations {
		if _, ok := meta.Annotations[dead.key]; ok {
			w.add(annotations.Key(dead.key), "%s", dead.text)
		}
	}
	for i := range s.Volumes {
		w.volume(&s.Volumes[i], spec.Child("volumes").Index(i))
	}
	for i := range s.Volumes {
		w.overlaps(&s.Volumes[i])
	}
	w.lists(s, spec)
	w.fraction(s.Overhead, corev1.ResourceMemory, spec.Child("overhead"))
	w.fraction(s.Overhead, corev1.ResourceEphemeralStorage, spec.Child("overhead"))
	if _, ok := meta.Annotations[corev1.SeccompPodAnnotationKey]; ok && (s.SecurityContext == nil || s.SecurityContext.SeccompProfile == nil) {
		w.add(annotations.Key(corev1.SeccompPodAnnotationKey), "%s", oldSeccomp)
	}
	eachContainer(s, spec, func(c *corev1.Container, at *field.Path) {
		w.profiles(c, meta, s, annotations, path != nil)
		for _, name := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
			w.fraction(c.Resources.Limits, name, at.Child("resources", "limits"))
			w.fraction(c.Resources.Requests, name, at.Child("resources", "requests"))
		}
		w.hiddenVariables(c.Env, at.Child("env"))
	})
	w.ports(s, spec)
	if t := s.TerminationGracePeriodSeconds; t != nil && *t < 0 {
		w.add(spec.Child("terminationGracePeriodSeconds"), "must be >= 0; negative values are invalid and will be treated as 1")
	}
	w.affinities(s.Affinity, spec.Child("affinity"))
	if s.DNSConfig != nil {
		for i, server := range s.DNSConfig.Nameservers {
			*w = append(*w, validation.GetWarningsForIP(spec.Child("dnsConfig", "nameservers").Index(i), server)...)
		}
	}
	for i, alias := range s.HostAliases {
		*w = append(*w, validation.GetWarningsForIP(spec.Child("hostAliases").Index(i).Child("ip"), alias.IP)...)
	}
}

// lists warns about entries that a merge by key would lose.
func (w *warnings) lists(s *corev1.PodSpec, path *field.Path) {
	seen := map[string]bool{}
	for i, alias := range s.HostAliases {
		at := path.Child("hostAliases").Index(i).Child("ip")
		if seen[alias.IP] {
			w.add(at, "duplicate ip %q", alias.IP)
		}
		seen[alias.IP] = true
	}
	clear(seen)
	for i, secret := range s.ImagePullSecrets {
		if seen[secret.Name] {
			w.add(path.Child("imagePullSecrets").Index(i).Child("name"), "duplicate name %q", secret.Name)
		}
		seen[secret.Name] = true
	}
	for i, secret := range s.ImagePullSecrets {
		if secret.Name == "" {
			w.add(path.Child("imagePullSecrets").Index(i).Child("name"), "invalid empty name %q", secret.Name)
		}
	}
}

// fraction warns about a part of a byte.
func (w *warnings) fraction(list corev1.ResourceList, name corev1.ResourceName, path *field.Path) {
	if q, ok := list[name]; ok && !isWhole(q) {
		w.add(path.Key(string(name)), "fractional byte value %q is invalid, must be an integer", q.String())
	}
}

const oldSeccomp = `non-functional in v1.27+; use the "seccompProfile" field instead`

// profiles warns about annotations that fields of a container replaced. Of a pod
// itself the AppArmor annotations are not mentioned: they are copied to the fields.
func (w *warnings) profiles(c *corev1.Container, meta *metav1.ObjectMeta, s *corev1.PodSpec, annotations *field.Path, template bool) {
	key := corev1.SeccompContainerAnnotationKeyPrefix + c.Name
	if _, ok := meta.Annotations[key]; ok && (c.SecurityContext == nil || c.SecurityContext.SeccompProfile == nil) {
		w.add(annotations.Key(key), "%s", oldSeccomp)
	}
	confined := s.SecurityContext != nil && s.SecurityContext.AppArmorProfile != nil
	key = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + c.Name
	if _, ok := meta.Annotations[key]; ok && template && !confined && (c.SecurityContext == nil || c.SecurityContext.AppArmorProfile == nil) {
		w.add(annotations.Key(key), "%s", `deprecated since v1.30; use the "appArmorProfile" field instead`)
	}
}

// hiddenVariables warns about a name given twice, unless the second value is
// made of the first.
func (w *warnings) hiddenVariables(env []corev1.EnvVar, path *field.Path) {
	names := map[string]bool{}
	for i, e := range env {
		first := "$(" + e.Name + ")"
		if names[e.Name] && (e.ValueFrom != nil || e.Value == first || !strings.Contains(e.Value, first)) {
			w.add(path.Index(i), "hides previous definition of %q, which may be dropped when using apply", e.Name)
		}
		names[e.Name] = true
	}
}

// ports warns about ports that hide each other: the containers share one network.
func (w *warnings) ports(s *corev1.PodSpec, path *field.Path) {
	type listen struct {
		port     int32
		protocol corev1.Protocol
	}
	type place struct {
		at   *field.Path
		port corev1.ContainerPort
	}
	all := map[listen][]place{}
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		for i, p := range c.Ports {
			at := at.Child("ports").Index(i)
			if p.HostIP != "" && p.HostPort == 0 {
				w.add(at, "hostIP set without hostPort: %+v", p)
			}
			key := listen{p.ContainerPort, p.Protocol}
			for _, other := range all[key] {
				if text := conflict(p, other.port); text != "" {
					w.add(at, "%s with %s", text, other.at)
				}
			}
			all[key] = append(all[key], place{at, p})
		}
	})
	names := map[string]*field.Path{}
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		for i, p := range c.Ports {
			if p.Name == "" {
				continue
			}
			at := at.Child("ports").Index(i)
			if other, ok := names[p.Name]; ok {
				w.add(at, "duplicate port name %q with %s, services and probes that select ports by name will use %s", p.Name, other, other)
				continue
			}
			names[p.Name] = at
		}
	})
}

// conflict says how two definitions of one port of a pod are at odds.
func conflict(a, b corev1.ContainerPort) string {
	switch {
	case a.HostIP == b.HostIP && a.HostPort == b.HostPort:
		return "duplicate port definition"
	case a.HostPort == 0 || b.HostPort == 0:
		return "overlapping port definition"
	case a.HostPort == b.HostPort && (a.HostIP == "") != (b.HostIP == ""):
		return "dangerously ambiguous port definition"
	}
	return ""
}

package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containerCheck checks the containers of one pod.
type containerCheck struct {
	spec *corev1.PodSpec
	// volumes are the pod's volumes by name.
	volumes map[string]*corev1.Volume
}

func (v containerCheck) containers(path *field.Path) field.ErrorList {
	if len(v.spec.Containers) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range v.spec.Containers {
		c, at := &v.spec.Containers[i], path.Index(i)
		errs = append(errs, v.common(c, at)...)
		errs = append(errs, uniqueName(names, c.Name, at.Child("name"))...)
		errs = append(errs, validateLifecycle(c.Lifecycle, at.Child("lifecycle"))...)
		errs = append(errs, validateProbes(c, at)...)
		errs = append(errs, v.restart(c, at)...)
	}
	return append(errs, uniqueHostPorts(v.spec.Containers, path)...)
}

func (v containerCheck) initContainers(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i := range v.spec.Containers {
		names[v.spec.Containers[i].Name] = true
	}
	for i := range v.spec.InitContainers {
		c, at := &v.spec.InitContainers[i], path.Index(i)
		errs = append(errs, v.common(c, at)...)
		errs = append(errs, uniqueName(names, c.Name, at.Child("name"))...)
		errs = append(errs, v.restart(c, at)...)
		if IsSidecar(c) {
			errs = append(errs, validateLifecycle(c.Lifecycle, at.Child("lifecycle"))...)
			errs = append(errs, validateProbes(c, at)...)
			continue
		}
		for name, set := range map[string]bool{
			"lifecycle": c.Lifecycle != nil, "livenessProbe": c.LivenessProbe != nil,
			"readinessProbe": c.ReadinessProbe != nil, "startupProbe": c.StartupProbe != nil,
		} {
			if set {
				errs = append(errs, field.Forbidden(at.Child(name), "may not be set for init containers without restartPolicy=Always"))
			}
		}
	}
	return errs
}

func (v containerCheck) ephemeralContainers(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names, others := map[string]bool{}, map[string]bool{}
	for i := range v.spec.Containers {
		names[v.spec.Containers[i].Name], others[v.spec.Containers[i].Name] = true, true
	}
	for i := range v.spec.InitContainers {
		names[v.spec.InitContainers[i].Name] = true
	}
	for i := range v.spec.EphemeralContainers {
		e, at := &v.spec.EphemeralContainers[i], path.Index(i)
		c := corev1.Container(e.EphemeralContainerCommon)
		errs = append(errs, v.common(&c, at)...)
		errs = append(errs, uniqueName(names, c.Name, at.Child("name"))...)
		if e.TargetContainerName != "" && !others[e.TargetContainerName] {
			errs = append(errs, field.NotFound(at.Child("targetContainerName"), e.TargetContainerName))
		}
		for name, set := range map[string]bool{
			"ports": len(c.Ports) > 0, "livenessProbe": c.LivenessProbe != nil, "readinessProbe": c.ReadinessProbe != nil,
			"startupProbe": c.StartupProbe != nil, "lifecycle": c.Lifecycle != nil, "restartPolicy": c.RestartPolicy != nil,
			"resources": len(c.Resources.Limits)+len(c.Resources.Requests)+len(c.Resources.Claims) > 0, "resizePolicy": len(c.ResizePolicy) > 0,
		} {
			if set {
				errs = append(errs, field.Forbidden(at.Child(name), "cannot be set for an Ephemeral Container"))
			}
		}
		for j, m := range c.VolumeMounts {
			if m.SubPath != "" {
				errs = append(errs, field.Forbidden(at.Child("volumeMounts").Index(j).Child("subPath"), "cannot be set for an Ephemeral Container"))
			}
		}
	}
	return errs
}

func uniqueName(names map[string]bool, name string, path *field.Path) field.ErrorList {
	if name != "" && names[name] {
		return field.ErrorList{field.Duplicate(path, name)}
	}
	names[name] = true
	return nil
}

// common checks what holds for every kind of container.
func (v containerCheck) common(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		for _, msg := range validation.IsDNS1123Label(c.Name) {
			errs = append(errs, field.Invalid(path.Child("name"), c.Name, msg))
		}
	}
	if c.Image == "" {
		errs = append(errs, field.Required(path.Child("image"), ""))
	} else if strings.TrimSpace(c.Image) != c.Image {
		errs = append(errs, field.Invalid(path.Child("image"), c.Image, "must not have leading or trailing whitespace"))
	}
	errs = append(errs, enum(path.Child("terminationMessagePolicy"), c.TerminationMessagePolicy, corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, enum(path.Child("imagePullPolicy"), c.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, validatePorts(c.Ports, path.Child("ports"))...)
	if v.spec.HostNetwork {
		errs = append(errs, sameHostPorts(c.Ports, path.Child("ports"))...)
	}
	errs = append(errs, validateEnv(c.Env, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, v.mounts(c, path.Child("volumeMounts"))...)
	errs = append(errs, v.devices(c, path.Child("volumeDevices"))...)
	errs = append(errs, validateResources(&c.Resources, path.Child("resources"))...)
	errs = append(errs, v.claims(c, path.Child("resources", "claims"))...)
	errs = append(errs, validateContainerSecurity(c.SecurityContext, v.spec.HostUsers, path.Child("securityContext"))...)
	return errs
}

func (v containerCheck) restart(c *corev1.Container, path *field.Path) field.ErrorList {
	if c.RestartPolicy == nil {
		if len(c.RestartPolicyRules) > 0 {
			return field.ErrorList{field.Required(path.Child("restartPolicy"), "must specify restartPolicy when restart rules are used")}
		}
		return nil
	}
	return enum(path.Child("restartPolicy"), *c.RestartPolicy, corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyOnFailure, corev1.ContainerRestartPolicyNever)
}

func (v containerCheck) claims(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	known := map[string]bool{}
	for _, claim := range v.spec.ResourceClaims {
		known[claim.Name] = true
	}
	for i, claim := range c.Resources.Claims {
		if !known[claim.Name] {
			errs = append(errs, field.NotFound(path.Index(i), claim.Name))
		}
	}
	return errs
}

func validatePorts(ports []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i, p := range ports {
		at := path.Index(i)
		if p.Name != "" {
			msgs := validation.IsValidPortName(p.Name)
			for _, msg := range msgs {
				errs = append(errs, field.Invalid(at.Child("name"), p.Name, msg))
			}
			if len(msgs) == 0 {
				errs = append(errs, uniqueName(names, p.Name, at.Child("name"))...)
			}
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, portNumber(p.ContainerPort, at.Child("containerPort"))...)
		}
		if p.HostPort != 0 {
			errs = append(errs, portNumber(p.HostPort, at.Child("hostPort"))...)
		}
		errs = append(errs, enum(at.Child("protocol"), p.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	}
	return errs
}

func portNumber(port int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.IsValidPortNum(int(port)) {
		errs = append(errs, field.Invalid(path, port, msg))
	}
	return errs
}

func uniqueHostPorts(containers []corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i := range containers {
		for j, p := range containers[i].Ports {
			if p.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIP, p.HostPort)
			if seen[key] {
				errs = append(errs, field.Duplicate(path.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			seen[key] = true
		}
	}
	return errs
}

// sameHostPorts: on the host's network there is no port to translate.
func sameHostPorts(ports []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range ports {
		if p.HostPort != p.ContainerPort {
			errs = append(errs, field.Invalid(path.Index(i).Child("containerPort"), p.ContainerPort, "must match `hostPort` when `hostNetwork` is true"))
		}
	}
	return errs
}

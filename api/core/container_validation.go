package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (v *specCheck) containers(path *field.Path) field.ErrorList {
	if len(v.spec.Containers) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	var names nameSet
	for i := range v.spec.Containers {
		c, at := &v.spec.Containers[i], path.Index(i)
		errs = append(errs, v.common(c, at)...)
		errs = append(errs, names.add(c.Name, at.Child("name"))...)
		errs = append(errs, v.lifecycle(c.Lifecycle, at.Child("lifecycle"))...)
		errs = append(errs, v.probes(c, at)...)
		errs = append(errs, validateRestart(c, at)...)
	}
	return append(errs, uniqueHostPorts(v.spec.Containers, path)...)
}

func (v *specCheck) initContainers(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := nameSet{}
	for i := range v.spec.Containers {
		names[v.spec.Containers[i].Name] = true
	}
	for i := range v.spec.InitContainers {
		c, at := &v.spec.InitContainers[i], path.Index(i)
		errs = append(errs, v.common(c, at)...)
		errs = append(errs, validateRestart(c, at)...)
		if c.Name != "" {
			errs = append(errs, names.add(c.Name, at.Child("name"))...)
		}
		// They run one after the other, so that only ports of one of them collide.
		errs = append(errs, uniqueHostPorts(v.spec.InitContainers[i:i+1], path)...)
		if IsSidecar(c) {
			errs = append(errs, v.lifecycle(c.Lifecycle, at.Child("lifecycle"))...)
			errs = append(errs, v.probes(c, at)...)
			continue
		}
		errs = append(errs, forbid(at, "may not be set for init containers without restartPolicy=Always", []setField{
			{"lifecycle", c.Lifecycle != nil}, {"livenessProbe", c.LivenessProbe != nil},
			{"readinessProbe", c.ReadinessProbe != nil}, {"startupProbe", c.StartupProbe != nil},
		})...)
		for j, p := range c.ResizePolicy {
			if p.RestartPolicy == corev1.RestartContainer {
				errs = append(errs, v.since(ruleInitResizeRestart, field.ErrorList{field.Invalid(at.Child("resizePolicy").Index(j).Child("restartPolicy"),
					p.RestartPolicy, "must not be set to 'RestartContainer' for non-sidecar initContainers")})...)
			}
		}
	}
	return errs
}

func (v *specCheck) ephemeralContainers(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names, others := nameSet{}, nameSet{}
	for _, containers := range [][]corev1.Container{v.spec.Containers, v.spec.InitContainers} {
		for i := range containers {
			names[containers[i].Name], others[containers[i].Name] = true, true
		}
	}
	for i := range v.spec.EphemeralContainers {
		e, at := &v.spec.EphemeralContainers[i], path.Index(i)
		c := corev1.Container(e.EphemeralContainerCommon)
		errs = append(errs, v.common(&c, at)...)
		errs = append(errs, untrimmed(at.Child("image"), c.Image)...)
		errs = append(errs, names.add(c.Name, at.Child("name"))...)
		if e.TargetContainerName != "" && !others[e.TargetContainerName] {
			errs = append(errs, field.NotFound(at.Child("targetContainerName"), e.TargetContainerName))
		}
		errs = append(errs, forbid(at, notEphemeral, []setField{
			{"ports", len(c.Ports) > 0},
			{"resources", len(c.Resources.Limits)+len(c.Resources.Requests)+len(c.Resources.Claims) > 0},
			{"resizePolicy", len(c.ResizePolicy) > 0}, {"restartPolicy", c.RestartPolicy != nil},
			{"restartPolicyRules", len(c.RestartPolicyRules) > 0},
			{"livenessProbe", c.LivenessProbe != nil}, {"readinessProbe", c.ReadinessProbe != nil},
			{"startupProbe", c.StartupProbe != nil}, {"lifecycle", c.Lifecycle != nil},
		})...)
		for j, m := range c.VolumeMounts {
			errs = append(errs, forbid(at.Child("volumeMounts").Index(j), notEphemeral, []setField{
				{"subPath", m.SubPath != ""}, {"subPathExpr", m.SubPathExpr != ""},
			})...)
		}
	}
	return errs
}

const notEphemeral = "cannot be set for an Ephemeral Container"

// setField tells whether a field is used.
type setField struct {
	name string
	set  bool
}

// forbid complains about each of the fields that is used.
func forbid(path *field.Path, why string, fields []setField) field.ErrorList {
	var errs field.ErrorList
	for _, f := range fields {
		if f.set {
			errs = append(errs, field.Forbidden(path.Child(f.name), why))
		}
	}
	return errs
}

// common checks what holds for every kind of container.
func (v *specCheck) common(c *corev1.Container, path *field.Path) field.ErrorList {
	errs := requiredLabel(path.Child("name"), c.Name)
	errs = append(errs, required(path.Child("image"), c.Image)...)
	errs = append(errs, enum(path.Child("terminationMessagePolicy"), c.TerminationMessagePolicy, corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, validatePorts(c.Ports, path.Child("ports"))...)
	errs = append(errs, validateEnv(c.Env, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, v.mounts(c, path.Child("volumeMounts"))...)
	errs = append(errs, v.devices(c, path.Child("volumeDevices"))...)
	errs = append(errs, pullPolicies(path.Child("imagePullPolicy"), c.ImagePullPolicy)...)
	errs = append(errs, v.requirements(&c.Resources, containerResourceName, path.Child("resources"))...)
	errs = append(errs, v.resizePolicy(c.ResizePolicy, path.Child("resizePolicy"))...)
	return append(errs, v.containerSecurity(c.SecurityContext, path.Child("securityContext"))...)
}

func pullPolicies(path *field.Path, policy corev1.PullPolicy) field.ErrorList {
	return enum(path, policy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
}

// The most rules about restarts that a container may have, and the most exit
// codes of one of them (KEP-5307).
const (
	maxRestartRules = 20
	maxExitCodes    = 255
)

func validateRestart(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("restartPolicy")
	if c.RestartPolicy == nil {
		if len(c.RestartPolicyRules) > 0 {
			errs = append(errs, field.Required(at, "must specify restartPolicy when restart rules are used"))
		}
	} else {
		errs = append(errs, oneOf(at, *c.RestartPolicy, corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)...)
	}
	rules := path.Child("restartPolicyRules")
	if n := len(c.RestartPolicyRules); n > maxRestartRules {
		errs = append(errs, field.TooMany(rules, n, maxRestartRules))
	}
	for i, rule := range c.RestartPolicyRules {
		at := rules.Index(i)
		errs = append(errs, oneOf(at.Child("action"), rule.Action, corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		if rule.ExitCodes == nil {
			errs = append(errs, field.Required(at.Child("exitCodes"), "must be specified"))
			continue
		}
		at = at.Child("exitCodes")
		errs = append(errs, oneOf(at.Child("operator"), rule.ExitCodes.Operator, corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		if n := len(rule.ExitCodes.Values); n > maxExitCodes {
			errs = append(errs, field.TooMany(at.Child("values"), n, maxExitCodes))
		}
	}
	return errs
}

func (v *specCheck) resizePolicy(policies []corev1.ContainerResizePolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[corev1.ResourceName]bool{}
	for i, p := range policies {
		if seen[p.ResourceName] {
			errs = append(errs, field.Duplicate(path.Index(i), p.ResourceName))
		}
		seen[p.ResourceName] = true
		errs = append(errs, enum(path, p.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, enum(path, p.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)...)
		if v.spec.RestartPolicy == corev1.RestartPolicyNever && p.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(path, p.RestartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

func validatePorts(ports []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var names nameSet
	for i, p := range ports {
		at := path.Index(i)
		if p.Name != "" {
			if msgs := validation.IsValidPortName(p.Name); len(msgs) > 0 {
				errs = append(errs, invalid(at.Child("name"), p.Name, msgs)...)
			} else {
				errs = append(errs, names.add(p.Name, at.Child("name"))...)
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
		errs = append(errs, protocol(at.Child("protocol"), p.Protocol)...)
	}
	return errs
}

func protocol(path *field.Path, p corev1.Protocol) field.ErrorList {
	return enum(path, p, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)
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
	var seen nameSet
	for i := range containers {
		for j, p := range containers[i].Ports {
			if p.HostPort != 0 {
				errs = append(errs, seen.add(fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIP, p.HostPort), path.Index(i).Child("ports").Index(j).Child("hostPort"))...)
			}
		}
	}
	return errs
}

// hostPorts requires that on the host's network, where no port is translated, the
// host port is the container's. A template may leave it to the pod's defaults.
func (v *specCheck) hostPorts(path *field.Path) field.ErrorList {
	if !v.spec.HostNetwork {
		return nil
	}
	var errs field.ErrorList
	for i := range v.spec.Containers {
		for j, p := range v.spec.Containers[i].Ports {
			if (v.pod() || p.HostPort != 0) && p.HostPort != p.ContainerPort {
				errs = append(errs, field.Invalid(path.Index(i).Child("ports").Index(j).Child("hostPort"), p.HostPort, "must match `containerPort` when `hostNetwork` is true"))
			}
		}
	}
	return errs
}

package core

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

func validatePodStatusUpdate(p, old *corev1.Pod) field.ErrorList {
	path, s := field.NewPath("status"), &p.Status
	errs := annotationUpdate(p.Annotations, old.Annotations, field.NewPath("metadata", "annotations"))
	for i := range s.Conditions {
		errs = append(errs, podCondition(&s.Conditions[i], path.Child("conditions").Index(i))...)
	}
	if p.Spec.NodeName != old.Spec.NodeName {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "may not be changed directly"))
	}
	if name := s.NominatedNodeName; name != "" && name != old.Status.NominatedNodeName {
		errs = append(errs, subdomain(path.Child("nominatedNodeName"), name)...)
	}
	if s.ObservedGeneration < 0 {
		errs = append(errs, field.Invalid(path.Child("observedGeneration"), s.ObservedGeneration, "must be a non-negative integer"))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(s.QOSClass, old.Status.QOSClass, path.Child("qosClass"))...)
	if !anyRestartsAll(&old.Spec) {
		errs = append(errs, stayEnded(s.ContainerStatuses, old.Status.ContainerStatuses, old.Spec.Containers, &old.Spec, path.Child("containerStatuses"))...)
		errs = append(errs, stayEnded(s.InitContainerStatuses, old.Status.InitContainerStatuses, old.Spec.InitContainers, &old.Spec, path.Child("initContainerStatuses"))...)
	}
	errs = append(errs, stayEnded(s.EphemeralContainerStatuses, old.Status.EphemeralContainerStatuses, nil, &old.Spec, path.Child("ephemeralContainerStatuses"))...)
	errs = append(errs, claimStatuses(s.ResourceClaimStatuses, p.Spec.ResourceClaims, path.Child("resourceClaimStatuses"))...)
	errs = append(errs, extendedClaim(s.ExtendedResourceClaimStatus, &p.Spec, path.Child("extendedResourceClaimStatus"))...)
	errs = append(errs, podIPs(s, &old.Status, path.Child("podIPs"))...)
	errs = append(errs, hostIPs(s, &old.Status, path.Child("hostIPs"))...)
	for _, list := range []struct {
		name       string
		statuses   []corev1.ContainerStatus
		containers []corev1.Container
	}{{"containerStatuses", s.ContainerStatuses, p.Spec.Containers}, {"initContainerStatuses", s.InitContainerStatuses, p.Spec.InitContainers}, {"ephemeralContainerStatuses", s.EphemeralContainerStatuses, nil}} {
		ephemeral := list.name == "ephemeralContainerStatuses"
		for i := range list.statuses {
			at := path.Child(list.name).Index(i)
			errs = append(errs, containerUser(list.statuses[i].User, isWindows(&p.Spec), at.Child("user", "linux"))...)
			errs = append(errs, allocated(&list.statuses[i], list.containers, s.ExtendedResourceClaimStatus, ephemeral, at.Child("allocatedResourcesStatus"))...)
		}
	}
	return errs
}

func podCondition(c *corev1.PodCondition, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.ObservedGeneration < 0 {
		errs = append(errs, field.Invalid(path.Child("observedGeneration"), c.ObservedGeneration, "must be a non-negative integer"))
	}
	return append(errs, qualifiedName(path.Child("Type"), string(c.Type))...)
}

// stayEnded refuses that a container which may not be started again is said to be
// other than ended.
func stayEnded(statuses, old []corev1.ContainerStatus, containers []corev1.Container, s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range old {
		before := old[i].State.Terminated
		if before == nil {
			continue
		}
		now := slices.IndexFunc(statuses, func(c corev1.ContainerStatus) bool { return c.Name == old[i].Name })
		if now < 0 || statuses[now].State.Terminated != nil {
			continue
		}
		c := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == old[i].Name })
		if c < 0 || !restarts(&containers[c], s.RestartPolicy, before.ExitCode) {
			errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
		}
	}
	return errs
}

// restarts tells whether a container that ended so is started again: its rules
// come before its policy, and that before the pod's (KEP-5307).
func restarts(c *corev1.Container, pod corev1.RestartPolicy, code int32) bool {
	for _, rule := range c.RestartPolicyRules {
		if rule.ExitCodes == nil {
			continue
		}
		in := slices.Contains(rule.ExitCodes.Values, code)
		if in == (rule.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) {
			return true
		}
	}
	policy := string(pod)
	if c.RestartPolicy != nil {
		policy = string(*c.RestartPolicy)
	}
	return policy == string(corev1.RestartPolicyAlways) || (policy == string(corev1.RestartPolicyOnFailure) && code != 0)
}

// anyRestartsAll tells whether the end of some container can start all again.
func anyRestartsAll(s *corev1.PodSpec) bool {
	for _, containers := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range containers {
			for _, rule := range containers[i].RestartPolicyRules {
				if rule.Action == corev1.ContainerRestartRuleActionRestartAllContainers {
					return true
				}
			}
		}
	}
	return false
}

func claimStatuses(statuses []corev1.PodResourceClaimStatus, claims []corev1.PodResourceClaim, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var names nameSet
	for i, s := range statuses {
		at := path.Index(i)
		if !slices.ContainsFunc(claims, func(c corev1.PodResourceClaim) bool { return c.Name == s.Name }) {
			errs = append(errs, field.Invalid(at.Child("name"), s.Name, "must match the name of an entry in `spec.resourceClaims`"))
		}
		errs = append(errs, names.add(s.Name, at.Child("name"))...)
		if s.ResourceClaimName != nil {
			errs = append(errs, subdomain(at.Child("resourceClaimName"), *s.ResourceClaimName)...)
		}
	}
	return errs
}

func podIPs(s, old *corev1.PodStatus, path *field.Path) field.ErrorList {
	var now, before []string
	for _, ip := range s.PodIPs {
		now = append(now, ip.IP)
	}
	for _, ip := range old.PodIPs {
		before = append(before, ip.IP)
	}
	return oneOfEach(now, before, s.PodIPs, path)
}

func hostIPs(s, old *corev1.PodStatus, path *field.Path) field.ErrorList {
	if len(s.HostIPs) == 0 {
		return nil
	}
	var errs field.ErrorList
	if s.HostIP != s.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Index(0).Child("ip"), s.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	var now, before []string
	for _, ip := range s.HostIPs {
		now = append(now, ip.IP)
	}
	for _, ip := range old.HostIPs {
		before = append(before, ip.IP)
	}
	return append(errs, oneOfEach(now, before, s.HostIPs, path)...)
}

// oneOfEach requires at most one address of each family; value is what the field
// holds.
func oneOfEach(ips, before []string, value any, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, ip := range ips {
		errs = append(errs, legacyIP(path.Index(i), ip, before...)...)
	}
	if len(ips) < 2 {
		return errs
	}
	if both, err := netutils.IsDualStackIPStrings(ips); err != nil {
		errs = append(errs, field.InternalError(path, fmt.Errorf("failed to check for dual stack with error:%w", err)))
	} else if !both || len(ips) > 2 {
		errs = append(errs, field.Invalid(path, value, "may specify no more than one IP for each IP family"))
	}
	return errs
}

// containerUser checks whom a container is said to run as, which may be any user
// that Linux knows.
func containerUser(user *corev1.ContainerUser, windows bool, path *field.Path) field.ErrorList {
	if user == nil || user.Linux == nil {
		return nil
	}
	if windows {
		return field.ErrorList{field.Forbidden(path, "cannot be set for a windows pod")}
	}
	var errs field.ErrorList
	if uid := user.Linux.UID; uid < 0 || uid > math.MaxUint32 {
		errs = append(errs, field.Invalid(path.Child("uid"), uid, fmt.Sprintf("must be between 0 and %d, inclusive", int64(math.MaxUint32))))
	}
	errs = append(errs, id(&user.Linux.GID, validation.IsValidGroupID, path.Child("gid"))...)
	for i := range user.Linux.SupplementalGroups {
		errs = append(errs, id(&user.Linux.SupplementalGroups[i], validation.IsValidGroupID, path.Child("supplementalGroups").Index(i))...)
	}
	return errs
}

// allocated checks what is said about the health of devices (KEP-4680).
func allocated(c *corev1.ContainerStatus, containers []corev1.Container, extended *corev1.PodExtendedResourceClaimStatus, ephemeral bool, path *field.Path) field.ErrorList {
	if len(c.AllocatedResourcesStatus) == 0 {
		return nil
	}
	if ephemeral {
		return field.ErrorList{field.Forbidden(path, "must not be specified in container status")}
	}
	n := slices.IndexFunc(containers, func(o corev1.Container) bool { return o.Name == c.Name })
	var errs field.ErrorList
	for i, r := range c.AllocatedResourcesStatus {
		at := path.Index(i)
		if n >= 0 {
			if !mapped(r.Name, &containers[n], extended) {
				errs = append(errs, allocatedName(r.Name, &containers[n].Resources, at.Child("name"))...)
			}
		}
		seen := map[corev1.ResourceID]bool{}
		for j, device := range r.Resources {
			at := at.Child("resources").Index(j)
			errs = append(errs, oneOf(at.Child("health"), device.Health, corev1.ResourceHealthStatusHealthy, corev1.ResourceHealthStatusUnhealthy, corev1.ResourceHealthStatusUnknown)...)
			if seen[device.ResourceID] {
				errs = append(errs, field.Duplicate(at.Child("resourceID"), device.ResourceID))
			}
			seen[device.ResourceID] = true
		}
	}
	return errs
}

// mapped tells whether the name is that of a request which the scheduler made for
// an extended resource of the container (KEP-5004).
func mapped(name corev1.ResourceName, c *corev1.Container, extended *corev1.PodExtendedResourceClaimStatus) bool {
	if extended == nil {
		return false
	}
	request, ok := strings.CutPrefix(string(name), "claim:"+extended.ResourceClaimName+"/")
	return ok && slices.ContainsFunc(extended.RequestMappings, func(m corev1.ContainerExtendedResourceRequest) bool {
		q := c.Resources.Requests[corev1.ResourceName(m.ResourceName)]
		return m.ContainerName == c.Name && m.RequestName == request && !q.IsZero()
	})
}

func allocatedName(name corev1.ResourceName, r *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	claim, isClaim := strings.CutPrefix(string(name), "claim:")
	if !isClaim {
		if _, ok := r.Requests[name]; !ok {
			return field.ErrorList{field.Invalid(path, name, "must match one of the container's resource requests")}
		}
		return nil
	}
	for _, c := range r.Claims {
		own := c.Name
		if c.Request != "" {
			own += "/" + c.Request
		}
		if own == claim {
			return nil
		}
	}
	return field.ErrorList{field.Invalid(path, name, "must match one of the container's resource claims as 'claim:<claimName>/<requestName>' when container.resources.claims[*].request is set or 'claim:<claimName>' when it is empty")}
}

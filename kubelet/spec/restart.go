package spec

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// ShouldRestart tells whether a container of a live pod that ended with exit
// runs again: by its own rules, then its own policy, then the pod's.
func ShouldRestart(pod *corev1.Pod, c *corev1.Container, exit int32) bool {
	for _, rule := range c.RestartPolicyRules {
		if on := rule.ExitCodes; on != nil && rule.Action == corev1.ContainerRestartRuleActionRestart {
			in := slices.Contains(on.Values, exit)
			if in == (on.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) {
				return true
			}
		}
	}
	policy := pod.Spec.RestartPolicy
	if c.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*c.RestartPolicy)
	} else if policy == corev1.RestartPolicyAlways && isInit(pod, c) {
		policy = corev1.RestartPolicyOnFailure // an init container that succeeded has done its work
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exit != 0
	}
	return true
}

func isInit(pod *corev1.Pod, c *corev1.Container) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(i corev1.Container) bool { return i.Name == c.Name })
}

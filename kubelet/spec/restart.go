package spec

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// ShouldRestart tells whether a container of a live pod that ended with exit
// runs again: by its own rules, then its own policy, then the pod's.
func ShouldRestart(pod *corev1.Pod, c *corev1.Container, exit int32) bool {
	if _, ok := matching(c, exit); ok { // both actions let it start again
		return true
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

// matching returns what the first rule says that is about the exit code.
func matching(c *corev1.Container, exit int32) (corev1.ContainerRestartRuleAction, bool) {
	for _, rule := range c.RestartPolicyRules {
		if on := rule.ExitCodes; on != nil {
			in := slices.Contains(on.Values, exit)
			if in == (on.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) {
				return rule.Action, true
			}
		}
	}
	return "", false
}

func isInit(pod *corev1.Pod, c *corev1.Container) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(i corev1.Container) bool { return i.Name == c.Name })
}

package job

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"minke/client"
)

// judge finds what the pod failure policy says about a failed pod: the action
// of the first rule that matches, or Count.
func (r *round) judge(pod *corev1.Pod) (batchv1.PodFailurePolicyAction, string) {
	policy := r.job.Spec.PodFailurePolicy
	if policy == nil || pod.Status.Phase != corev1.PodFailed {
		return batchv1.PodFailurePolicyActionCount, ""
	}
	for i := range policy.Rules {
		rule := &policy.Rules[i]
		if rule.OnExitCodes != nil {
			if c := matchExit(pod, rule.OnExitCodes); c != nil {
				return rule.Action, fmt.Sprintf("Container %s for pod %s failed with exit code %d matching %s rule at index %d",
					c.Name, client.KeyOf(pod), c.State.Terminated.ExitCode, rule.Action, i)
			}
		}
		for _, p := range rule.OnPodConditions {
			if hasCondition(pod, p) {
				return rule.Action, fmt.Sprintf("Pod %s has condition %s matching %s rule at index %d", client.KeyOf(pod), p.Type, rule.Action, i)
			}
		}
	}
	return batchv1.PodFailurePolicyActionCount, ""
}

func matchExit(pod *corev1.Pod, rule *batchv1.PodFailurePolicyOnExitCodesRequirement) *corev1.ContainerStatus {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses)
	for i := range all {
		c := &all[i]
		if c.State.Terminated == nil || c.State.Terminated.ExitCode == 0 || rule.ContainerName != nil && *rule.ContainerName != c.Name {
			continue
		}
		if slices.Contains(rule.Values, c.State.Terminated.ExitCode) == (rule.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			return c
		}
	}
	return nil
}

func hasCondition(pod *corev1.Pod, pattern batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
	want := pattern.Status
	if want == "" {
		want = corev1.ConditionTrue
	}
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == pattern.Type && c.Status == want })
}

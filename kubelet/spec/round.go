package spec

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Round is the time since all containers of a pod were last told to start anew,
// init containers too, by the rule of one that ended (KEP-5532, the action
// RestartAllContainers). It follows from what the runtime knows alone, so that a
// kubelet that was killed finds it again. The zero Round is a pod's first.
type Round struct {
	// began is when the container ended whose rule it was, in ns.
	began int64
	// Source is the ID of that container: without it the round is forgotten.
	Source string
}

// RoundOf returns the round that a pod is in. The containers are all that the
// runtime has of it.
func RoundOf(pod *corev1.Pod, containers []*runtimeapi.ContainerStatus) Round {
	var r Round
	if !RestartsAll(pod) {
		return r
	}
	for _, c := range containers {
		if c.State != runtimeapi.ContainerState_CONTAINER_EXITED || c.FinishedAt <= r.began {
			continue
		}
		if of := ruled(pod, c.GetMetadata().GetName()); of != nil {
			if action, ok := matching(of, c.ExitCode); ok && action == corev1.ContainerRestartRuleActionRestartAllContainers {
				r = Round{began: c.FinishedAt, Source: c.Id}
			}
		}
	}
	return r
}

// RestartsAll tells whether a container of the pod may make all of them start anew.
func RestartsAll(pod *corev1.Pod) bool {
	does := func(c corev1.Container) bool {
		return slices.ContainsFunc(c.RestartPolicyRules, func(r corev1.ContainerRestartRule) bool {
			return r.Action == corev1.ContainerRestartRuleActionRestartAllContainers
		})
	}
	return slices.ContainsFunc(pod.Spec.InitContainers, does) || slices.ContainsFunc(pod.Spec.Containers, does)
}

// ruled returns the init or regular container of that name; ephemeral ones have no
// part in rounds.
func ruled(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// Former tells whether an init or regular container belongs to an earlier round: it
// must end, if it runs, and start anew.
func (r Round) Former(c *runtimeapi.ContainerStatus) bool {
	if r.began == 0 {
		return false
	}
	ended := c.State == runtimeapi.ContainerState_CONTAINER_EXITED
	return c.StartedAt < r.began || ended && c.FinishedAt <= r.began
}

// Ended tells whether the container of an earlier round ended for this one, not of
// its own accord.
func (r Round) Ended(c *runtimeapi.ContainerStatus) bool {
	return r.Former(c) && c.Id != r.Source && c.State == runtimeapi.ContainerState_CONTAINER_EXITED && c.FinishedAt >= r.began
}

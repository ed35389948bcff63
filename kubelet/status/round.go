package status

import (
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// RestartingAllContainers is the reason of a container that waits, or has ended,
// because all containers of its pod start anew (KEP-5532).
const RestartingAllContainers = "RestartingAllContainers"

// former tells whether a container belongs to an earlier round. Ephemeral ones
// outlast rounds.
func (g generator) former(c *runtimeapi.ContainerStatus) bool {
	for i := range g.Pod.Spec.EphemeralContainers {
		if g.Pod.Spec.EphemeralContainers[i].Name == c.GetMetadata().GetName() {
			return false
		}
	}
	return g.round.Former(c)
}

// restarting is the verdict of AllContainersRestarting: true from when a container
// says so until the first one starts anew.
func (g generator) restarting(s *corev1.PodStatus) verdict {
	switch s.Phase {
	case corev1.PodSucceeded:
		return verdict{reason: "PodCompleted"}
	case corev1.PodFailed:
		return verdict{reason: "PodFailed"}
	}
	former := false
	for _, list := range [][]corev1.Container{g.Pod.Spec.InitContainers, g.Pod.Spec.Containers} {
		for i := range list {
			c := g.Runtime.Latest(list[i].Name)
			if c == nil || c.State == runtimeapi.ContainerState_CONTAINER_CREATED {
				continue
			}
			if !g.round.Former(c) {
				return verdict{}
			}
			former = true
		}
	}
	if !former {
		return verdict{}
	}
	return verdict{ok: true, reason: "RestartAllContainersStarted", message: "container exited with restart policy rule"}
}

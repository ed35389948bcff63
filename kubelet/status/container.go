package status

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/probe"
	"minke/kubelet/spec"
)

func (g generator) containers(list []corev1.Container, old []corev1.ContainerStatus) []corev1.ContainerStatus {
	if len(list) == 0 {
		return nil
	}
	out := make([]corev1.ContainerStatus, len(list))
	for i := range list {
		out[i] = g.container(&list[i], find(old, list[i].Name))
	}
	return out
}

func (g generator) ephemeral() []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for i := range g.Pod.Spec.EphemeralContainers {
		c := corev1.Container(g.Pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		out = append(out, g.container(&c, find(g.Pod.Status.EphemeralContainerStatuses, c.Name)))
	}
	return out
}

func find(list []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func (g generator) container(c *corev1.Container, old *corev1.ContainerStatus) corev1.ContainerStatus {
	now := g.Runtime.Latest(c.Name)
	if now == nil {
		return g.absent(c, old)
	}
	s := corev1.ContainerStatus{
		Name: c.Name, Image: imageName(c, now), ImageID: imageID(now),
		ContainerID:  g.RuntimeName + "://" + now.Id,
		RestartCount: cri.RestartCount(now),
		VolumeMounts: volumeMounts(c),
	}
	if u := now.GetUser().GetLinux(); u != nil {
		s.User = &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: u.Uid, GID: u.Gid, SupplementalGroups: u.SupplementalGroups}}
	}
	s.AllocatedResources = c.Resources.Requests
	s.Resources = c.Resources.DeepCopy()
	s.State = g.state(now)
	if previous := g.Runtime.Previous(c.Name, now.Id); previous != nil && previous.State == runtimeapi.ContainerState_CONTAINER_EXITED {
		s.LastTerminationState = g.state(previous)
	} else if old != nil && s.RestartCount > 0 && old.RestartCount == s.RestartCount {
		s.LastTerminationState = *old.LastTerminationState.DeepCopy()
	}
	if s.State.Terminated != nil && g.former(now) && !g.Finished {
		s.LastTerminationState = s.State
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: RestartingAllContainers, Message: "The container starts anew with all containers of the pod"}}
	}
	// A container that is to start again waits; its end is its last state.
	if w, ok := g.Waiting[c.Name]; ok && s.State.Running == nil && !g.Finished {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: w.Reason, Message: w.Message}}
	}
	return s
}

// absent is the status of a container that the runtime does not know.
func (g generator) absent(c *corev1.Container, old *corev1.ContainerStatus) corev1.ContainerStatus {
	s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, VolumeMounts: volumeMounts(c)}
	reason, message := "ContainerCreating", ""
	if len(g.Pod.Spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	if w, ok := g.Waiting[c.Name]; ok {
		reason, message = w.Reason, w.Message
	}
	s.State.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: message}
	if old == nil {
		return s
	}
	s.RestartCount, s.LastTerminationState = old.RestartCount, *old.LastTerminationState.DeepCopy()
	switch {
	case old.State.Terminated != nil:
		// It was collected after its end.
		s = *old.DeepCopy()
	case old.State.Running != nil:
		s.RestartCount++
		s.ContainerID, s.ImageID = old.ContainerID, old.ImageID
		s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "ContainerStatusUnknown", ExitCode: 137, ContainerID: old.ContainerID,
			Message: "The container could not be located when the pod was deleted.  The container used to be Running",
		}}
	}
	return s
}

func imageName(c *corev1.Container, s *runtimeapi.ContainerStatus) string {
	if name := s.GetImage().GetUserSpecifiedImage(); name != "" {
		return name
	}
	return c.Image
}

func imageID(s *runtimeapi.ContainerStatus) string {
	if s.ImageRef != "" {
		return s.ImageRef
	}
	return s.ImageId
}

func volumeMounts(c *corev1.Container) []corev1.VolumeMountStatus {
	var out []corev1.VolumeMountStatus
	for _, m := range c.VolumeMounts {
		v := corev1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			mode := corev1.RecursiveReadOnlyDisabled
			v.RecursiveReadOnly = &mode
		}
		out = append(out, v)
	}
	return out
}

func at(nanoseconds int64) metav1.Time {
	if nanoseconds <= 0 {
		return metav1.Time{}
	}
	return metav1.NewTime(time.Unix(0, nanoseconds)).Rfc3339Copy()
}

func (g generator) state(c *runtimeapi.ContainerStatus) corev1.ContainerState {
	switch c.State {
	case runtimeapi.ContainerState_CONTAINER_RUNNING:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(c.StartedAt)}}
	case runtimeapi.ContainerState_CONTAINER_EXITED:
		t := &corev1.ContainerStateTerminated{
			ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
			StartedAt: at(c.StartedAt), FinishedAt: at(c.FinishedAt), ContainerID: g.RuntimeName + "://" + c.Id,
		}
		switch {
		case g.former(c) && g.round.Ended(c):
			t.Reason = RestartingAllContainers
		case t.Reason != "":
		case c.ExitCode == 0:
			t.Reason = "Completed"
		default:
			t.Reason = "Error"
		}
		if g.Message != nil {
			if text := g.Message(c); text != "" {
				if t.Message != "" {
					t.Message += ": "
				}
				t.Message += text
			}
		}
		return corev1.ContainerState{Terminated: t}
	}
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
}

// readiness sets started and ready of each container.
func (g generator) readiness(s *corev1.PodStatus) {
	set := func(list []corev1.ContainerStatus, init bool) {
		for i := range list {
			st := &list[i]
			c := spec.FindContainer(g.Pod, st.Name)
			id := idOf(st.ContainerID)
			running := st.State.Running != nil
			started := running && !g.PostStart[id] && (c.StartupProbe == nil || g.Probes != nil && g.Probes.Result(id, probe.Startup) == probe.Success)
			ready := started && (c.ReadinessProbe == nil || g.Probes != nil && g.Probes.Result(id, probe.Readiness) == probe.Success)
			if init && !spec.IsSidecar(c) {
				ready = st.State.Terminated != nil && st.State.Terminated.ExitCode == 0
				started = running
			}
			st.Started, st.Ready = &started, ready
		}
	}
	set(s.InitContainerStatuses, true)
	set(s.ContainerStatuses, false)
	for i := range s.EphemeralContainerStatuses {
		s.EphemeralContainerStatuses[i].Ready = false
	}
}

// idOf takes the runtime's name off a container's ID.
func idOf(containerID string) string {
	for i := 0; i+3 <= len(containerID); i++ {
		if containerID[i:i+3] == "://" {
			return containerID[i+3:]
		}
	}
	return containerID
}

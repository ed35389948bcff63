package status

import (
	corev1 "k8s.io/api/core/v1"
	"minke/kubelet/spec"
)

// tally counts containers by what they do.
type tally struct{ waiting, running, stopped, succeeded int }

func (t *tally) add(s *corev1.ContainerStatus) {
	end := s.State.Terminated
	switch {
	case s.State.Running != nil:
		t.running++
		return
	case end == nil:
		if end = s.LastTerminationState.Terminated; end == nil {
			t.waiting++
			return
		}
	}
	t.stopped++
	if end.ExitCode == 0 {
		t.succeeded++
	}
}

// Terminal tells the phases that never change any more.
func Terminal(p corev1.PodPhase) bool { return p == corev1.PodFailed || p == corev1.PodSucceeded }

// Phase sums up the containers' states. finished tells that none starts again.
//
//	Pending --> Running --> Succeeded | Failed
func Phase(pod *corev1.Pod, s *corev1.PodStatus, finished bool) corev1.PodPhase {
	pending, failed := initProgress(pod, s)
	var t tally
	for i := range s.ContainerStatuses {
		t.add(&s.ContainerStatuses[i])
	}
	if failed {
		return corev1.PodFailed
	}
	if finished {
		if t.stopped == t.succeeded && t.stopped == len(pod.Spec.Containers) && !pending {
			return corev1.PodSucceeded
		}
		return corev1.PodFailed
	}
	switch {
	case pending && t.running == 0 && t.stopped == 0, t.waiting > 0:
		return corev1.PodPending
	case t.running > 0:
		return corev1.PodRunning
	case t.stopped > 0:
		return ended(pod, s, t)
	}
	return corev1.PodPending
}

func ended(pod *corev1.Pod, s *corev1.PodStatus, t tally) corev1.PodPhase {
	for i := range pod.Spec.Containers {
		if st := find(s.ContainerStatuses, pod.Spec.Containers[i].Name); st != nil && willRestart(pod, &pod.Spec.Containers[i], st) {
			return corev1.PodRunning
		}
	}
	if t.stopped == t.succeeded {
		return corev1.PodSucceeded
	}
	return corev1.PodFailed
}

func willRestart(pod *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) bool {
	end := s.State.Terminated
	if end == nil {
		end = s.LastTerminationState.Terminated
	}
	return end == nil || again(pod, c, end)
}

// again tells whether a container that ended so starts again.
func again(pod *corev1.Pod, c *corev1.Container, end *corev1.ContainerStateTerminated) bool {
	return end.Reason == RestartingAllContainers || spec.ShouldRestart(pod, c, end.ExitCode)
}

// initProgress tells whether an init container is still to finish, or has failed for
// good.
func initProgress(pod *corev1.Pod, s *corev1.PodStatus) (pending, failed bool) {
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		st := find(s.InitContainerStatuses, c.Name)
		if st == nil {
			return true, failed
		}
		if spec.IsSidecar(c) {
			pending = pending || st.Started == nil || !*st.Started
			continue
		}
		switch end := st.State.Terminated; {
		case end != nil && end.ExitCode == 0:
		case end != nil:
			failed, pending = failed || !again(pod, c, end), true
		default:
			if last := st.LastTerminationState.Terminated; st.State.Waiting != nil && last != nil && last.ExitCode != 0 {
				failed = failed || !again(pod, c, last)
			}
			pending = true
		}
	}
	return pending, failed
}

// Package status tells the API what became of the node's pods: Generate
// computes a PodStatus purely from what the runtime and the probes say, and
// Manager brings it to the API server.
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

// Waiting is why a container does not run.
type Waiting struct{ Reason, Message string }

// Override is the end that the kubelet decided for a pod: an eviction, a
// deadline, a refusal.
type Override struct {
	Phase           corev1.PodPhase
	Reason, Message string
	// Condition, when its type is set, is added, as DisruptionTarget is.
	Condition corev1.PodCondition
}

// Results are the probes' answers, by container ID.
type Results interface {
	Result(id string, kind probe.Kind) probe.Result
}

// Input is all that a PodStatus depends on.
type Input struct {
	Pod *corev1.Pod
	// Runtime is what the runtime lists; nil before anything was made.
	Runtime     *cri.Pod
	RuntimeName string
	HostIPs     []string
	// Waiting holds the reasons of containers that could not start, by name.
	Waiting map[string]Waiting
	// PostStart holds the containers whose postStart hook still runs, by ID.
	PostStart map[string]bool
	Probes    Results
	Override  *Override
	// Finished tells that every container is dead and none comes back.
	Finished bool
	// Message reads a dead container's termination message.
	Message func(c *runtimeapi.ContainerStatus) string
	Now     time.Time
}

// Generate computes the pod's status.
func Generate(in Input) corev1.PodStatus {
	if in.Runtime == nil {
		in.Runtime = &cri.Pod{}
	}
	pod := in.Pod
	s := *pod.Status.DeepCopy()
	s.ObservedGeneration = pod.Generation
	if s.QOSClass == "" {
		s.QOSClass = spec.QOS(pod)
	}
	if s.StartTime == nil {
		now := metav1.NewTime(in.Now).Rfc3339Copy()
		s.StartTime = &now
	}
	g := generator{in, spec.RoundOf(pod, in.Runtime.Containers)}
	s.InitContainerStatuses = g.containers(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	s.ContainerStatuses = g.containers(pod.Spec.Containers, pod.Status.ContainerStatuses)
	s.EphemeralContainerStatuses = g.ephemeral()
	if in.Finished {
		markLost(&s, pod)
	}
	g.readiness(&s)
	s.Phase = Phase(pod, &s, in.Finished)
	// A terminal phase never changes.
	if old := pod.Status.Phase; Terminal(old) {
		s.Phase = old
	}
	if o := in.Override; o != nil {
		s.Phase, s.Reason, s.Message = o.Phase, o.Reason, o.Message
		if o.Condition.Type != "" {
			setCondition(&s, o.Condition, pod.Generation, in.Now)
		}
	}
	g.addresses(&s)
	g.conditions(&s)
	return s
}

type generator struct {
	Input
	round spec.Round
}

func (g generator) addresses(s *corev1.PodStatus) {
	s.HostIPs, s.HostIP = nil, ""
	for _, ip := range g.HostIPs {
		s.HostIPs = append(s.HostIPs, corev1.HostIP{IP: ip})
	}
	if len(g.HostIPs) > 0 {
		s.HostIP = g.HostIPs[0]
	}
	ips := g.Runtime.IPs()
	if g.Pod.Spec.HostNetwork {
		ips = g.HostIPs
	}
	if len(ips) == 0 {
		return // what is known stays: a finished pod keeps its address
	}
	s.PodIP, s.PodIPs = ips[0], nil
	for _, ip := range ips {
		s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: ip})
	}
}

// markLost ends what never ran or was not found any more, once nothing can run.
func markLost(s *corev1.PodStatus, pod *corev1.Pod) {
	lost := func(list []corev1.ContainerStatus) {
		for i := range list {
			if list[i].State.Terminated == nil {
				list[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					Reason: "ContainerStatusUnknown", ExitCode: 137,
					Message: "The container could not be located when the pod was terminated",
				}}
			}
			list[i].Ready = false
			started := false
			list[i].Started = &started
		}
	}
	if anyStarted(pod.Status.ContainerStatuses) || anyStarted(s.ContainerStatuses) || len(pod.Spec.InitContainers) == 0 {
		lost(s.ContainerStatuses)
	}
	for i := range s.InitContainerStatuses {
		if st := &s.InitContainerStatuses[i]; st.State.Running != nil || st.State.Terminated == nil && st.LastTerminationState.Terminated != nil {
			lost(s.InitContainerStatuses[i : i+1])
		}
	}
}

func anyStarted(list []corev1.ContainerStatus) bool {
	for i := range list {
		if list[i].State.Running != nil || list[i].State.Terminated != nil || list[i].LastTerminationState.Terminated != nil {
			return true
		}
	}
	return false
}

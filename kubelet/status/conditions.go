package status

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"minke/kubelet/spec"
)

// verdict is a condition without its bookkeeping.
type verdict struct {
	ok              bool
	reason, message string
}

func (g generator) conditions(s *corev1.PodStatus) {
	sandbox := verdict{ok: g.Runtime.Ready() != nil && (g.Pod.Spec.HostNetwork || len(g.Runtime.IPs()) > 0)}
	containers := containersReady(g.Pod, s)
	for _, c := range []struct {
		kind corev1.PodConditionType
		v    verdict
	}{
		// The node sees no others, and says of which generation it has seen them.
		{corev1.PodScheduled, verdict{ok: true}},
		{corev1.PodReadyToStartContainers, sandbox},
		{corev1.PodInitialized, initialized(g.Pod, s)},
		{corev1.ContainersReady, containers},
		{corev1.PodReady, ready(g.Pod, s, containers)},
		{corev1.AllContainersRestarting, g.restarting(s)},
	} {
		if c.kind == corev1.AllContainersRestarting && !spec.RestartsAll(g.Pod) {
			continue
		}
		status := corev1.ConditionFalse
		if c.v.ok {
			status = corev1.ConditionTrue
		}
		setCondition(s, corev1.PodCondition{Type: c.kind, Status: status, Reason: c.v.reason, Message: c.v.message}, g.Pod.Generation, g.Now)
	}
}

func setCondition(s *corev1.PodStatus, c corev1.PodCondition, generation int64, now time.Time) {
	c.ObservedGeneration = generation
	for i := range s.Conditions {
		old := &s.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		c.LastTransitionTime = old.LastTransitionTime
		if old.Status != c.Status || c.LastTransitionTime.IsZero() {
			c.LastTransitionTime = metav1.NewTime(now).Rfc3339Copy()
		}
		*old = c
		return
	}
	c.LastTransitionTime = metav1.NewTime(now).Rfc3339Copy()
	s.Conditions = append(s.Conditions, c)
}

func initialized(pod *corev1.Pod, s *corev1.PodStatus) verdict {
	if s.Phase == corev1.PodSucceeded {
		return verdict{ok: true, reason: "PodCompleted"}
	}
	var unknown, incomplete []string
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		st := find(s.InitContainerStatuses, c.Name)
		switch {
		case st == nil:
			unknown = append(unknown, c.Name)
		case spec.IsSidecar(c):
			if st.Started == nil || !*st.Started {
				incomplete = append(incomplete, c.Name)
			}
		case !st.Ready:
			incomplete = append(incomplete, c.Name)
		}
	}
	// Containers that run, or ran, are the proof that initialization is over.
	if anyStarted(s.ContainerStatuses) && len(pod.Spec.InitContainers) > 0 {
		return verdict{ok: true}
	}
	return names("ContainersNotInitialized", unknown, "incomplete", incomplete)
}

func containersReady(pod *corev1.Pod, s *corev1.PodStatus) verdict {
	switch s.Phase {
	case corev1.PodSucceeded:
		return verdict{reason: "PodCompleted"}
	case corev1.PodFailed:
		return verdict{reason: "PodFailed"}
	}
	var unknown, unready []string
	check := func(name string, list []corev1.ContainerStatus) {
		switch st := find(list, name); {
		case st == nil:
			unknown = append(unknown, name)
		case !st.Ready:
			unready = append(unready, name)
		}
	}
	for i := range pod.Spec.InitContainers {
		if spec.IsSidecar(&pod.Spec.InitContainers[i]) {
			check(pod.Spec.InitContainers[i].Name, s.InitContainerStatuses)
		}
	}
	for i := range pod.Spec.Containers {
		check(pod.Spec.Containers[i].Name, s.ContainerStatuses)
	}
	return names("ContainersNotReady", unknown, "unready", unready)
}

func names(reason string, unknown []string, what string, bad []string) verdict {
	var text []string
	if len(unknown) > 0 {
		text = append(text, fmt.Sprintf("containers with unknown status: %s", unknown))
	}
	if len(bad) > 0 {
		text = append(text, fmt.Sprintf("containers with %s status: %s", what, bad))
	}
	if len(text) == 0 {
		return verdict{ok: true}
	}
	return verdict{reason: reason, message: strings.Join(text, ", ")}
}

func ready(pod *corev1.Pod, s *corev1.PodStatus, containers verdict) verdict {
	if !containers.ok {
		return containers
	}
	var text []string
	for _, gate := range pod.Spec.ReadinessGates {
		var found *corev1.PodCondition
		for i := range s.Conditions {
			if s.Conditions[i].Type == gate.ConditionType {
				found = &s.Conditions[i]
			}
		}
		switch {
		case found == nil:
			text = append(text, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case found.Status != corev1.ConditionTrue:
			text = append(text, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, found.Status))
		}
	}
	if len(text) > 0 {
		return verdict{reason: "ReadinessGatesNotReady", message: strings.Join(text, ", ")}
	}
	return verdict{ok: true}
}

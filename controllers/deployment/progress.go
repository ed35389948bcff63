package deployment

import (
	"fmt"
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Reasons of the Progressing condition, as kubectl rollout status knows them.
const (
	reasonAvailable = "NewReplicaSetAvailable"
	reasonTimedOut  = "ProgressDeadlineExceeded"
	reasonPaused    = "DeploymentPaused"
	reasonResumed   = "DeploymentResumed"
	reasonUpdated   = "ReplicaSetUpdated"
)

func (r *rollout) hasDeadline() bool {
	return r.d.Spec.ProgressDeadlineSeconds != nil && *r.d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

func (r *rollout) progressing(status corev1.ConditionStatus, reason, message string) {
	setCondition(r.d, appsv1.DeploymentProgressing, status, reason, message)
}

// notePause keeps the time that a rollout is paused out of its deadline.
func (r *rollout) notePause() {
	if !r.hasDeadline() {
		return
	}
	c := condition(r.d, appsv1.DeploymentProgressing)
	if c != nil && c.Reason == reasonTimedOut {
		return
	}
	paused := c != nil && c.Reason == reasonPaused
	if r.d.Spec.Paused && !paused {
		r.progressing(corev1.ConditionUnknown, reasonPaused, "Deployment is paused")
	} else if !r.d.Spec.Paused && paused {
		r.progressing(corev1.ConditionUnknown, reasonResumed, "Deployment is resumed")
	}
}

// noteProgress moves the Progressing condition:
//
//	Created/Found/Updated ──all new and available──► NewReplicaSetAvailable
//	        │  ▲ any figure improved                        │ new template
//	        ▼  │                                            ▼
//	ProgressDeadlineExceeded                        NewReplicaSetCreated
func (r *rollout) noteProgress() {
	if !r.hasDeadline() {
		if c := condition(r.d, appsv1.DeploymentProgressing); c != nil && c.Reason != reasonPaused {
			removeCondition(r.d, appsv1.DeploymentProgressing)
		}
		return
	}
	s, before := &r.d.Status, &r.observed.Status
	c := condition(r.d, appsv1.DeploymentProgressing)
	if c != nil && c.Reason == reasonAvailable && s.Replicas == s.UpdatedReplicas {
		return
	}
	if r.d.Spec.Paused {
		return
	}
	name := fmt.Sprintf("Deployment %q", r.d.Name)
	if r.newSet != nil {
		name = fmt.Sprintf("ReplicaSet %q", r.newSet.Name)
	}
	switch {
	case r.complete():
		r.progressing(corev1.ConditionTrue, reasonAvailable, name+" has successfully progressed.")
	case s.UpdatedReplicas > before.UpdatedReplicas || s.Replicas-s.UpdatedReplicas < before.Replicas-before.UpdatedReplicas ||
		s.ReadyReplicas > before.ReadyReplicas || s.AvailableReplicas > before.AvailableReplicas:
		touchCondition(r.d, appsv1.DeploymentProgressing, corev1.ConditionTrue, reasonUpdated, name+" is progressing.")
	case r.timedOut():
		r.progressing(corev1.ConditionFalse, reasonTimedOut, name+" has timed out progressing.")
	}
}

// complete tells whether all pods are new and available.
func (r *rollout) complete() bool {
	s, wanted := &r.d.Status, wantedReplicas(r.d)
	return r.newSet != nil && s.UpdatedReplicas == wanted && s.Replicas == wanted && s.AvailableReplicas == wanted && s.ObservedGeneration >= r.d.Generation
}

func (r *rollout) deadline() time.Duration {
	return time.Duration(*r.d.Spec.ProgressDeadlineSeconds) * time.Second
}

func (r *rollout) timedOut() bool {
	c := condition(r.d, appsv1.DeploymentProgressing)
	if c == nil || c.Reason == reasonAvailable {
		return false
	}
	return c.Reason == reasonTimedOut || time.Since(c.LastUpdateTime.Time) > r.deadline()
}

// wakeAtDeadline looks again when the rollout would have taken too long.
func (r *rollout) wakeAtDeadline() {
	c := condition(r.d, appsv1.DeploymentProgressing)
	if !r.hasDeadline() || r.d.Spec.Paused || c == nil || c.Reason == reasonTimedOut || r.complete() {
		return
	}
	r.loop.AddAfter(r.key, max(time.Until(c.LastUpdateTime.Add(r.deadline())), 0)+time.Second)
}

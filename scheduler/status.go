package scheduler

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// statusChange is what a pod's status says when it was not scheduled.
type statusChange struct {
	reason, message string
	// nominated is the node on which room is being made; it may be empty.
	nominated string
}

// setStatus writes the condition PodScheduled=False, if it is not so already.
func (s *Scheduler) setStatus(ctx context.Context, pod *corev1.Pod, change statusChange) {
	old := condition(pod, corev1.PodScheduled)
	now := metav1.Now()
	next := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: change.reason, Message: change.message,
		LastTransitionTime: now, ObservedGeneration: pod.Generation,
	}
	if old != nil && old.Status == next.Status {
		next.LastTransitionTime = old.LastTransitionTime
	}
	same := old != nil && old.Status == next.Status && old.Reason == next.Reason && old.Message == next.Message
	if same && pod.Status.NominatedNodeName == change.nominated {
		return
	}
	status := map[string]any{"conditions": []corev1.PodCondition{next}}
	if pod.Status.NominatedNodeName != change.nominated {
		status["nominatedNodeName"] = nil
		if change.nominated != "" {
			status["nominatedNodeName"] = change.nominated
		}
	}
	s.patchStatus(ctx, pod, status)
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// patchStatus merges status into the pod's, if it is still the same pod.
func (s *Scheduler) patchStatus(ctx context.Context, pod *corev1.Pod, status map[string]any) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err == nil {
		_, err = s.pods.Patch(ctx, pod.Namespace, pod.Name, types.StrategicMergePatchType, patch, "status")
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
		s.log.Warn("patch pod status", "pod", pod.Namespace+"/"+pod.Name, "error", err)
	}
}

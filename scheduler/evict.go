package scheduler

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/scheduler/cluster"
)

// evict removes victims so that pod finds room on node. Those that are going
// already are left alone.
func (s *Scheduler) evict(ctx context.Context, pod *cluster.Pod, victims []*cluster.Pod, node string) error {
	var errs []error
	for _, victim := range victims {
		if victim.DeletionTimestamp != nil {
			continue
		}
		s.patchStatus(ctx, victim.Pod, map[string]any{"conditions": []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonPreemptionByScheduler,
			Message:            s.name + ": preempting to accommodate a higher priority pod",
			LastTransitionTime: metav1.Now(), ObservedGeneration: victim.Generation,
		}}})
		uid := victim.UID
		err := s.pods.Delete(ctx, victim.Namespace, victim.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("preempt pod %s/%s: %w", victim.Namespace, victim.Name, err))
			continue
		}
		s.recorder.Event(victim.Pod, corev1.EventTypeNormal, "Preempted", "Preempted by pod %s on node %s", pod.UID, node)
	}
	return errors.Join(errs...)
}

package replicaset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/controllers/podcontrol"
)

// status computes the set's status from its pods.
func (c *Controller[T]) status(set T, wanted Wanted, active, leaving []*corev1.Pod, failed error) appsv1.ReplicaSetStatus {
	leavingCount := int32(len(leaving))
	status := appsv1.ReplicaSetStatus{
		Replicas: int32(len(active)), TerminatingReplicas: &leavingCount, ObservedGeneration: set.GetGeneration(),
		Conditions: slices.Clone(wanted.Status.Conditions),
	}
	template := labels.Set(wanted.Template.Labels).AsSelectorPreValidated()
	now := time.Now()
	for _, pod := range active {
		if template.Matches(labels.Set(pod.Labels)) {
			status.FullyLabeledReplicas++
		}
		if podcontrol.Ready(pod) {
			status.ReadyReplicas++
		}
		if available, _ := podcontrol.Available(pod, wanted.MinReadySeconds, now); available {
			status.AvailableReplicas++
		}
	}
	setFailure(&status, failed)
	return status
}

// setFailure keeps the ReplicaFailure condition as long as the failure lasts.
func setFailure(status *appsv1.ReplicaSetStatus, failed error) {
	i := slices.IndexFunc(status.Conditions, func(c appsv1.ReplicaSetCondition) bool { return c.Type == appsv1.ReplicaSetReplicaFailure })
	if failed == nil {
		if i >= 0 {
			status.Conditions = slices.Delete(status.Conditions, i, i+1)
		}
		return
	}
	reason := "FailedCreate"
	var deletion deleteError
	if errors.As(failed, &deletion) {
		reason = "FailedDelete"
	}
	if i >= 0 && status.Conditions[i].Reason == reason {
		return
	}
	condition := appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue,
		LastTransitionTime: metav1.Now(), Reason: reason, Message: failed.Error(),
	}
	if i >= 0 {
		status.Conditions[i] = condition
	} else {
		status.Conditions = append(status.Conditions, condition)
	}
}

func (c *Controller[T]) writeStatus(ctx context.Context, set T, wanted Wanted, status appsv1.ReplicaSetStatus) error {
	before := set.DeepCopyObject().(T)
	next := set.DeepCopyObject().(T)
	c.kind.SetStatus(before, wanted.Status)
	c.kind.SetStatus(next, status)
	if equality.Semantic.DeepEqual(before, next) {
		return nil
	}
	if _, err := c.sets.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of %s: %w", client.KeyOf(set), err)
	}
	return nil
}

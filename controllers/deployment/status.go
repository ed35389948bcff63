package deployment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writeStatus computes the status from the sets and writes it if it changed.
func (r *rollout) writeStatus(ctx context.Context) error {
	r.count()
	r.noteAvailability()
	r.noteProgress()
	r.noteFailure()
	if equality.Semantic.DeepEqual(r.d.Status, r.observed.Status) && maps.Equal(r.d.Annotations, r.observed.Annotations) {
		r.wakeAtDeadline()
		return nil
	}
	if _, err := r.deployments.UpdateStatus(ctx, r.d.DeepCopy()); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of %s: %w", r.key, err)
	}
	r.wakeAtDeadline()
	return nil
}

func (r *rollout) count() {
	all, s := r.all(), &r.d.Status
	s.ObservedGeneration = r.observed.Generation
	s.Replicas = sum(all, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.Replicas })
	s.UpdatedReplicas = 0
	if r.newSet != nil {
		s.UpdatedReplicas = r.newSet.Status.Replicas
	}
	s.ReadyReplicas = sum(all, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.ReadyReplicas })
	s.AvailableReplicas = sum(all, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.AvailableReplicas })
	s.UnavailableReplicas = max(0, sum(all, replicas)-s.AvailableReplicas)
	leaving := sum(all, func(rs *appsv1.ReplicaSet) int32 {
		if rs.Status.TerminatingReplicas == nil {
			return 0
		}
		return *rs.Status.TerminatingReplicas
	})
	s.TerminatingReplicas = &leaving
}

func (r *rollout) noteAvailability() {
	_, unavailable := bounds(r.d)
	if r.d.Status.AvailableReplicas >= wantedReplicas(r.d)-unavailable {
		setCondition(r.d, appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
	} else {
		setCondition(r.d, appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
	}
}

// noteFailure shows why a set cannot make or remove pods.
func (r *rollout) noteFailure() {
	sets := slices.Clone(r.old)
	if r.newSet != nil {
		sets = append([]*appsv1.ReplicaSet{r.newSet}, sets...)
	}
	for _, rs := range sets {
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
				setCondition(r.d, appsv1.DeploymentReplicaFailure, c.Status, c.Reason, c.Message)
				return
			}
		}
	}
	removeCondition(r.d, appsv1.DeploymentReplicaFailure)
}

func condition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == kind {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

func removeCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) {
	d.Status.Conditions = slices.DeleteFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool { return c.Type == kind })
}

// setCondition changes the condition unless it says the same already.
func setCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) {
	old := condition(d, kind)
	if old != nil && old.Status == status && old.Reason == reason {
		return
	}
	touchCondition(d, kind, status, reason, message)
}

// touchCondition sets the condition with a new update time.
func touchCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	next := appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now}
	if old := condition(d, kind); old != nil {
		if old.Status == status {
			next.LastTransitionTime = old.LastTransitionTime
		}
		*old = next
		return
	}
	d.Status.Conditions = append(d.Status.Conditions, next)
}

package replicaset

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
)

// Kind is what differs between ReplicaSets and ReplicationControllers.
type Kind[T client.Object] struct {
	client.Kind[T]
	// Component is the name under which events are reported.
	Component string
	// Read returns what the set wants and its status.
	Read func(T) (Wanted, error)
	// SetStatus puts a status into a set that may be changed.
	SetStatus func(T, appsv1.ReplicaSetStatus)
}

// Wanted is the part of a set that the core works with.
type Wanted struct {
	Replicas        int32
	MinReadySeconds int32
	Selector        labels.Selector
	Template        *corev1.PodTemplateSpec
	Status          appsv1.ReplicaSetStatus
}

// ReplicaSets are managed by this kind.
var ReplicaSets = Kind[*appsv1.ReplicaSet]{
	Kind: client.ReplicaSets, Component: "replicaset-controller",
	Read: func(rs *appsv1.ReplicaSet) (Wanted, error) {
		selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
		if err != nil {
			return Wanted{}, fmt.Errorf("read selector of %s: %w", client.KeyOf(rs), err)
		}
		return Wanted{replicas(rs.Spec.Replicas), rs.Spec.MinReadySeconds, selector, &rs.Spec.Template, rs.Status}, nil
	},
	SetStatus: func(rs *appsv1.ReplicaSet, status appsv1.ReplicaSetStatus) { rs.Status = status },
}

// ReplicationControllers are managed by this kind.
var ReplicationControllers = Kind[*corev1.ReplicationController]{
	Kind: client.ReplicationControllers, Component: "replication-controller",
	Read: func(rc *corev1.ReplicationController) (Wanted, error) {
		template := rc.Spec.Template
		if template == nil {
			template = &corev1.PodTemplateSpec{}
		}
		s := rc.Status
		status := appsv1.ReplicaSetStatus{
			Replicas: s.Replicas, FullyLabeledReplicas: s.FullyLabeledReplicas, ReadyReplicas: s.ReadyReplicas,
			AvailableReplicas: s.AvailableReplicas, ObservedGeneration: s.ObservedGeneration,
		}
		for _, c := range s.Conditions {
			status.Conditions = append(status.Conditions, appsv1.ReplicaSetCondition{
				Type: appsv1.ReplicaSetConditionType(c.Type), Status: c.Status,
				LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
			})
		}
		return Wanted{replicas(rc.Spec.Replicas), rc.Spec.MinReadySeconds, labels.SelectorFromSet(rc.Spec.Selector), template, status}, nil
	},
	SetStatus: func(rc *corev1.ReplicationController, s appsv1.ReplicaSetStatus) {
		rc.Status = corev1.ReplicationControllerStatus{
			Replicas: s.Replicas, FullyLabeledReplicas: s.FullyLabeledReplicas, ReadyReplicas: s.ReadyReplicas,
			AvailableReplicas: s.AvailableReplicas, ObservedGeneration: s.ObservedGeneration,
		}
		for _, c := range s.Conditions {
			rc.Status.Conditions = append(rc.Status.Conditions, corev1.ReplicationControllerCondition{
				Type: corev1.ReplicationControllerConditionType(c.Type), Status: c.Status,
				LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
			})
		}
	},
}

func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

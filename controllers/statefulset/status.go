package statefulset

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/controllers/podcontrol"
)

// writeStatus counts the pods by revision and, when all are of the new one and
// ready, makes that the current one.
func (p *pass) writeStatus(ctx context.Context, pods []*corev1.Pod) error {
	next := p.set.DeepCopy()
	s := &next.Status
	s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas = 0, 0, 0, 0, 0
	s.ObservedGeneration = p.set.Generation
	s.CurrentRevision, s.UpdateRevision = p.current.Name, p.update.Name
	for _, pod := range pods {
		if ordinalOf(p.set, pod) < 0 {
			continue
		}
		s.Replicas++
		if pod.Status.Phase == corev1.PodRunning && podcontrol.Ready(pod) {
			s.ReadyReplicas++
			if p.available(pod) {
				s.AvailableReplicas++
			}
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		if revisionOf(pod) == p.current.Name {
			s.CurrentReplicas++
		}
		if revisionOf(pod) == p.update.Name {
			s.UpdatedReplicas++
		}
	}
	wanted := int32(len(p.members))
	if p.set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType &&
		s.UpdatedReplicas == s.Replicas && s.ReadyReplicas == s.Replicas && s.Replicas == wanted {
		s.CurrentRevision, s.CurrentReplicas = p.update.Name, s.UpdatedReplicas
	}
	if equality.Semantic.DeepEqual(*s, p.set.Status) {
		return nil
	}
	stored, err := p.sets.UpdateStatus(ctx, next)
	switch {
	case err == nil:
		p.written.Note(p.key, stored.Name, stored.ResourceVersion)
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case !apierrors.IsConflict(err):
		p.written.Unsure(p.key)
	}
	return fmt.Errorf("write status of %s: %w", p.key, err)
}

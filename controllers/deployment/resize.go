package deployment

import (
	"context"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// annotateSize notes on rs what it was sized for: the proportions of a later
// scaling are taken from there.
func (r *rollout) annotateSize(rs *appsv1.ReplicaSet) {
	surge, _ := bounds(r.d)
	metav1.SetMetaDataAnnotation(&rs.ObjectMeta, desiredAnnotation, strconv.Itoa(int(wantedReplicas(r.d))))
	metav1.SetMetaDataAnnotation(&rs.ObjectMeta, maxAnnotation, strconv.Itoa(int(wantedReplicas(r.d)+surge)))
}

// resize gives rs the size and tells whether that changed anything.
func (r *rollout) resize(ctx context.Context, rs *appsv1.ReplicaSet, size int32) (bool, error) {
	if rs == nil {
		return false, nil
	}
	next := rs.DeepCopy()
	next.Spec.Replicas = &size
	r.annotateSize(next)
	if equality.Semantic.DeepEqual(next, rs) {
		return false, nil
	}
	before := replicas(rs)
	stored, err := r.updateSet(ctx, next)
	if err != nil {
		return false, err
	}
	r.replaceSet(stored)
	if before != size {
		direction := "up"
		if size < before {
			direction = "down"
		}
		r.events.Event(r.d, corev1.EventTypeNormal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d", direction, stored.Name, before, size)
	}
	return before != size, nil
}

func (r *rollout) updateSet(ctx context.Context, rs *appsv1.ReplicaSet) (*appsv1.ReplicaSet, error) {
	name := rs.Name
	stored, err := r.Controller.sets.Update(ctx, rs)
	if err == nil {
		r.written.Note(r.key, stored.Name, stored.ResourceVersion)
		return stored, nil
	}
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		r.written.Unsure(r.key)
	}
	return nil, fmt.Errorf("update replica set %s: %w", name, err)
}

// replaceSet puts a set as stored in place of what was read.
func (r *rollout) replaceSet(stored *appsv1.ReplicaSet) {
	if r.newSet != nil && r.newSet.Name == stored.Name {
		r.newSet = stored
	}
	for i, rs := range r.old {
		if rs.Name == stored.Name {
			r.old[i] = stored
		}
	}
}

// newSize is the size that the new set may have now.
func (r *rollout) newSize() int32 {
	wanted := wantedReplicas(r.d)
	if r.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return wanted
	}
	surge, _ := bounds(r.d)
	room := wanted + surge - sum(r.all(), replicas)
	if room <= 0 {
		return replicas(r.newSet)
	}
	return replicas(r.newSet) + min(room, wanted-replicas(r.newSet))
}

// growNew moves the new set towards the wanted size within maxSurge.
func (r *rollout) growNew(ctx context.Context) (bool, error) {
	wanted := wantedReplicas(r.d)
	switch {
	case replicas(r.newSet) == wanted:
		return false, nil
	case replicas(r.newSet) > wanted:
		return r.resize(ctx, r.newSet, wanted)
	}
	return r.resize(ctx, r.newSet, r.newSize())
}

// shrinkOld takes pods from the old sets as far as maxUnavailable lets it:
// first those that are not available anyway, oldest sets first.
func (r *rollout) shrinkOld(ctx context.Context) (bool, error) {
	if sum(r.old, replicas) == 0 {
		return false, nil
	}
	_, unavailable := bounds(r.d)
	least := wantedReplicas(r.d) - unavailable
	newMissing := replicas(r.newSet) - available(r.newSet)
	most := sum(r.all(), replicas) - least - newMissing
	if most <= 0 {
		return false, nil
	}
	changed, err := r.shrinkUnhealthy(ctx, most)
	if err != nil {
		return changed, err
	}
	spare := sum(r.all(), available) - least
	for i := 0; i < len(r.old) && spare > 0; i++ {
		size := replicas(r.old[i])
		if size == 0 {
			continue
		}
		fewer := min(size, spare)
		if _, err := r.resize(ctx, r.old[i], size-fewer); err != nil {
			return changed, err
		}
		spare -= fewer
		changed = true
	}
	return changed, nil
}

// available is the number of a set's pods that serve, of those that it keeps.
// The status may still count pods that a smaller size has given up.
func available(rs *appsv1.ReplicaSet) int32 {
	return min(rs.Status.AvailableReplicas, replicas(rs))
}

func (r *rollout) shrinkUnhealthy(ctx context.Context, most int32) (bool, error) {
	changed := false
	for i := 0; i < len(r.old) && most > 0; i++ {
		size := replicas(r.old[i])
		fewer := min(most, size-r.old[i].Status.AvailableReplicas)
		if size == 0 || fewer <= 0 {
			continue
		}
		if _, err := r.resize(ctx, r.old[i], size-fewer); err != nil {
			return changed, err
		}
		most -= fewer
		changed = true
	}
	return changed, nil
}

package deployment

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
)

// scaled tells whether the wanted number changed since the sets were sized.
func (r *rollout) scaled() bool {
	for _, rs := range r.all() {
		if replicas(rs) == 0 {
			continue
		}
		desired, err := strconv.Atoi(rs.Annotations[desiredAnnotation])
		if err == nil && int32(desired) != wantedReplicas(r.d) {
			return true
		}
	}
	return false
}

// scale brings a new wanted number to the sets: to the only active one, or,
// amid a rollout, to all in proportion to their sizes, so that the risk of the
// rollout stays the same.
func (r *rollout) scale(ctx context.Context) error {
	if only := r.activeOrLatest(); only != nil {
		_, err := r.resize(ctx, only, wantedReplicas(r.d))
		return err
	}
	if r.newSet != nil && r.saturated(r.newSet) {
		for _, rs := range r.old {
			if replicas(rs) == 0 {
				continue
			}
			if _, err := r.resize(ctx, rs, 0); err != nil {
				return err
			}
		}
		return nil
	}
	if r.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return nil
	}
	return r.scaleInProportion(ctx)
}

// activeOrLatest returns the only set with replicas; the newest if there is
// none; nil if there are several.
func (r *rollout) activeOrLatest() *appsv1.ReplicaSet {
	var active []*appsv1.ReplicaSet
	for _, rs := range r.all() {
		if replicas(rs) > 0 {
			active = append(active, rs)
		}
	}
	switch {
	case len(active) == 1:
		return active[0]
	case len(active) > 1:
		return nil
	case r.newSet != nil:
		return r.newSet
	case len(r.old) > 0:
		return r.old[len(r.old)-1]
	}
	return nil
}

func (r *rollout) saturated(rs *appsv1.ReplicaSet) bool {
	wanted := wantedReplicas(r.d)
	return rs.Annotations[desiredAnnotation] == strconv.Itoa(int(wanted)) && replicas(rs) == wanted && rs.Status.AvailableReplicas == wanted
}

func (r *rollout) scaleInProportion(ctx context.Context) error {
	var active []*appsv1.ReplicaSet
	for _, rs := range r.all() {
		if replicas(rs) > 0 {
			active = append(active, rs)
		}
	}
	surge, _ := bounds(r.d)
	allowed := int32(0)
	if wantedReplicas(r.d) > 0 {
		allowed = wantedReplicas(r.d) + surge
	}
	add := allowed - sum(active, replicas)
	// The largest take their part first; among equals the newest grow first
	// and the oldest shrink first.
	slices.SortFunc(active, func(a, b *appsv1.ReplicaSet) int {
		byTime := byAge(a, b)
		if add > 0 {
			byTime = -byTime
		}
		return cmp.Or(-cmp.Compare(replicas(a), replicas(b)), byTime)
	})
	sizes := make([]int32, len(active))
	added := int32(0)
	for i, rs := range active {
		part := r.proportion(rs, add, added, allowed)
		sizes[i] = replicas(rs) + part
		added += part
	}
	for i, rs := range active {
		size := sizes[i]
		if i == 0 {
			size = max(0, size+add-added)
		}
		if _, err := r.resize(ctx, rs, size); err != nil {
			return err
		}
	}
	return nil
}

// proportion is the part of add that falls to rs, when added is spent already.
func (r *rollout) proportion(rs *appsv1.ReplicaSet, add, added, allowed int32) int32 {
	if add == 0 || add == added {
		return 0
	}
	part := -replicas(rs)
	if wantedReplicas(r.d) > 0 {
		before, err := strconv.Atoi(rs.Annotations[maxAnnotation])
		if err != nil || before <= 0 {
			before = int(max(r.d.Status.Replicas, 1))
		}
		part = int32(math.Round(float64(replicas(rs))*float64(allowed)/float64(before))) - replicas(rs)
	}
	if add > 0 {
		return min(part, add-added)
	}
	return max(part, add-added)
}

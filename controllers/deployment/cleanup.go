package deployment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cleanup deletes the oldest revisions beyond revisionHistoryLimit once the
// rollout is complete.
func (r *rollout) cleanup(ctx context.Context) error {
	limit := r.d.Spec.RevisionHistoryLimit
	r.count()
	if limit == nil || !r.complete() {
		return nil
	}
	var idle []*appsv1.ReplicaSet
	for _, rs := range r.old {
		if rs.DeletionTimestamp == nil {
			idle = append(idle, rs)
		}
	}
	slices.SortFunc(idle, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revisionOf(a), revisionOf(b)), byAge(a, b))
	})
	for _, rs := range idle[:max(0, len(idle)-int(*limit))] {
		if replicas(rs) != 0 || rs.Status.Replicas != 0 || rs.Generation > rs.Status.ObservedGeneration {
			continue
		}
		err := r.Controller.sets.Delete(ctx, rs.Namespace, rs.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion},
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("clean up replica set %s: %w", rs.Name, err)
		}
	}
	return nil
}

package deployment

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// Annotations on sets and Deployments, as kubectl rollout reads them.
const (
	revisionAnnotation        = "deployment.kubernetes.io/revision"
	revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history"
	desiredAnnotation         = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation             = "deployment.kubernetes.io/max-replicas"
)

// own annotations are never copied from the Deployment to its sets.
var own = map[string]bool{
	corev1.LastAppliedConfigAnnotation: true, appsv1.DeprecatedRollbackTo: true,
	revisionAnnotation: true, revisionHistoryAnnotation: true, desiredAnnotation: true, maxAnnotation: true,
}

func revisionOf(obj client.Object) int64 {
	n, err := strconv.ParseInt(obj.GetAnnotations()[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// nextRevision is the one that the new set must have at least.
func (r *rollout) nextRevision() int64 {
	most := int64(0)
	for _, rs := range r.old {
		most = max(most, revisionOf(rs))
	}
	return most + 1
}

// ensureNewSet makes sure that the set for the template exists and carries the
// newest revision, and that the Deployment names it.
func (r *rollout) ensureNewSet(ctx context.Context) error {
	if r.newSet == nil {
		if err := r.createSet(ctx); err != nil {
			return err
		}
	}
	return r.adoptNewSet(ctx)
}

// adoptNewSet brings the metadata of an existing new set up to date.
func (r *rollout) adoptNewSet(ctx context.Context) error {
	if r.newSet == nil {
		return nil
	}
	next := r.newSet.DeepCopy()
	r.annotate(next)
	next.Spec.MinReadySeconds = r.d.Spec.MinReadySeconds
	if !equality.Semantic.DeepEqual(next, r.newSet) {
		stored, err := r.updateSet(ctx, next)
		if err != nil {
			return err
		}
		r.newSet = stored
	}
	if r.hasDeadline() && condition(r.d, appsv1.DeploymentProgressing) == nil {
		r.progressing(corev1.ConditionTrue, "FoundNewReplicaSet", fmt.Sprintf("Found new replica set %q", r.newSet.Name))
	}
	r.nameRevision(r.newSet.Annotations[revisionAnnotation])
	return nil
}

// annotate gives rs the Deployment's annotations and its revision. A set that
// comes back by a rollback keeps its former revisions in its history.
func (r *rollout) annotate(rs *appsv1.ReplicaSet) {
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	for key, value := range r.d.Annotations {
		if !own[key] {
			rs.Annotations[key] = value
		}
	}
	before, next := revisionOf(rs), r.nextRevision()
	if before >= next {
		return
	}
	if before > 0 {
		history := strings.Split(rs.Annotations[revisionHistoryAnnotation], ",")
		history = append(history, strconv.FormatInt(before, 10))
		rs.Annotations[revisionHistoryAnnotation] = strings.TrimPrefix(strings.Join(history, ","), ",")
	}
	rs.Annotations[revisionAnnotation] = strconv.FormatInt(next, 10)
}

// nameRevision notes the current revision on the Deployment. It is written with
// the status: as an update of its own it would count as a new generation.
func (r *rollout) nameRevision(revision string) {
	metav1.SetMetaDataAnnotation(&r.d.ObjectMeta, revisionAnnotation, revision)
}

func (r *rollout) createSet(ctx context.Context) error {
	hash, err := templateHash(&r.d.Spec.Template, r.d.Status.CollisionCount)
	if err != nil {
		return err
	}
	template := r.d.Spec.Template.DeepCopy()
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	selector := r.d.Spec.Selector.DeepCopy()
	if selector.MatchLabels == nil {
		selector.MatchLabels = map[string]string{}
	}
	selector.MatchLabels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.d.Namespace, Name: r.d.Name + "-" + hash, Labels: maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(r.d, client.Deployments.GroupVersionKind())},
		},
		Spec: appsv1.ReplicaSetSpec{MinReadySeconds: r.d.Spec.MinReadySeconds, Selector: selector, Template: *template},
	}
	size := r.newSize()
	rs.Spec.Replicas = &size
	r.annotate(rs)
	r.annotateSize(rs)
	name := rs.Name
	stored, err := r.Controller.sets.Create(ctx, rs)
	if apierrors.IsAlreadyExists(err) {
		return r.collided(ctx, name)
	}
	if err != nil {
		return r.createFailed(err, name)
	}
	r.written.Note(r.key, stored.Name, stored.ResourceVersion)
	r.newSet = stored
	if size > 0 {
		r.events.Event(r.d, corev1.EventTypeNormal, "ScalingReplicaSet", "Scaled up replica set %s from 0 to %d", stored.Name, size)
	}
	if r.hasDeadline() {
		r.progressing(corev1.ConditionTrue, "NewReplicaSetCreated", fmt.Sprintf("Created new replica set %q", stored.Name))
	}
	return nil
}

// collided handles a set that exists under the wanted name: ours that the view
// does not show yet, or another whose template has the same hash.
func (r *rollout) collided(ctx context.Context, name string) error {
	there, err := r.Controller.sets.Get(ctx, r.d.Namespace, name)
	if err != nil {
		return fmt.Errorf("create replica set %s: %w", name, err)
	}
	if metav1.IsControlledBy(there, r.d) && sameTemplate(&there.Spec.Template, &r.d.Spec.Template) {
		r.written.Note(r.key, there.Name, there.ResourceVersion)
		r.newSet = there
		return nil
	}
	count := int32(1)
	if r.d.Status.CollisionCount != nil {
		count += *r.d.Status.CollisionCount
	}
	r.d.Status.CollisionCount = &count
	return fmt.Errorf("create replica set %s: another has this name, will try with collision count %d", name, count)
}

func (r *rollout) createFailed(err error, name string) error {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	r.written.Unsure(r.key)
	message := fmt.Sprintf("Failed to create new replica set %q: %v", name, err)
	if r.hasDeadline() {
		r.progressing(corev1.ConditionFalse, "ReplicaSetCreateError", message)
	}
	r.events.Event(r.d, corev1.EventTypeWarning, "ReplicaSetCreateError", "%s", message)
	return fmt.Errorf("create replica set %s: %w", name, err)
}

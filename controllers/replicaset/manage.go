package replicaset

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/controllers/podcontrol"
)

// manage creates or deletes pods until there are as many as wanted, and returns
// the active pods as they were. Reasons of failures are createError and
// deleteError.
func (c *Controller[T]) manage(ctx context.Context, set T, wanted Wanted, active []*corev1.Pod) ([]*corev1.Pod, error) {
	missing := int(wanted.Replicas) - len(active)
	switch {
	case missing > 0:
		return active, c.create(ctx, set, wanted, min(missing, burst))
	case missing < 0:
		return active, c.delete(ctx, set, active, min(-missing, burst))
	}
	return active, nil
}

// createError and deleteError become the set's ReplicaFailure condition.
type (
	createError struct{ error }
	deleteError struct{ error }
)

func (e createError) Unwrap() error { return e.error }
func (e deleteError) Unwrap() error { return e.error }

func (c *Controller[T]) create(ctx context.Context, set T, wanted Wanted, n int) error {
	key := client.KeyOf(set)
	c.expects.ExpectCreations(key, n)
	created, err := podcontrol.SlowStart(n, func() error {
		pod, err := c.pods.Create(ctx, podcontrol.FromTemplate(wanted.Template, set, c.kind.GroupVersionKind()))
		if err == nil {
			c.events.Event(set, corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
		}
		return err
	})
	c.expects.Created(key, n-created)
	if err == nil {
		return nil
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		// Nothing can be created there any more: no use to try again.
		return nil
	}
	c.events.Event(set, corev1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
	return createError{fmt.Errorf("create pods for %s: %w", key, err)}
}

func (c *Controller[T]) delete(ctx context.Context, set T, active []*corev1.Pod, n int) error {
	key := client.KeyOf(set)
	doomed := append([]*corev1.Pod(nil), active...)
	if n < len(doomed) {
		podcontrol.SortForDeletion(doomed, c.related(set, active), time.Now())
	}
	for _, pod := range doomed[:n] {
		c.expects.ExpectDeletion(key, pod.UID)
	}
	var failed error
	for _, pod := range doomed[:n] {
		err := c.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: uidOf(pod)}})
		switch {
		case err == nil:
			c.events.Event(set, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
		case c.gone(ctx, pod, err):
			c.forgetUnseen(key, pod)
		default:
			c.expects.Deleted(key, pod.UID)
			c.events.Event(set, corev1.EventTypeWarning, "FailedDelete", "Error deleting: %v", err)
			failed = deleteError{fmt.Errorf("delete pod %s: %w", client.KeyOf(pod), err)}
		}
	}
	return failed
}

// gone tells whether the pod is being deleted although its deletion failed with
// err: the answer may have been lost on the way. Were it counted as alive,
// another pod would be chosen in its place while the view still shows it.
func (c *Controller[T]) gone(ctx context.Context, pod *corev1.Pod, err error) bool {
	if apierrors.IsNotFound(err) {
		return true
	}
	for range 3 {
		live, err := c.pods.Get(ctx, pod.Namespace, pod.Name)
		if err == nil {
			return live.UID != pod.UID || live.DeletionTimestamp != nil
		}
		if apierrors.IsNotFound(err) {
			return true
		}
	}
	return false
}

// forgetUnseen stops expecting the pod's deletion if its event has come
// already. Otherwise the event is still to come, and fulfils the expectation.
func (c *Controller[T]) forgetUnseen(key client.Key, pod *corev1.Pod) {
	seen, ok := c.podView.Get(pod.Namespace, pod.Name)
	if !ok || seen.UID != pod.UID || seen.DeletionTimestamp != nil {
		c.expects.Deleted(key, pod.UID)
	}
}

// related returns the active pods of all sets that have the same owner as this
// one: the old and new sets of one Deployment.
func (c *Controller[T]) related(set T, own []*corev1.Pod) []*corev1.Pod {
	ref := metav1.GetControllerOfNoCopy(set)
	if ref == nil {
		return own
	}
	var related []*corev1.Pod
	for _, sibling := range c.setView.Indexed(podcontrol.ByController, string(ref.UID)) {
		related = append(related, filter(podcontrol.Owned(c.podView, sibling), podcontrol.Active)...)
	}
	return related
}

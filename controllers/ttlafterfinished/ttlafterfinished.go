// Package ttlafterfinished deletes Jobs some time after they finished, when
// their ttlSecondsAfterFinished says so.
package ttlafterfinished

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
)

const component = "ttl-after-finished-controller"

// Controller deletes finished jobs.
type Controller struct {
	jobs client.Resource[*batchv1.Job]
	view client.Informer[*batchv1.Job]
	loop *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{jobs: client.Of(api, client.Jobs), view: client.InformerOf(informers, client.Jobs)}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	look := func(job *batchv1.Job) {
		if _, ok := expiry(job); ok {
			c.loop.Add(client.KeyOf(job))
		}
	}
	c.view.Handle(client.Handler[*batchv1.Job]{Add: look, Update: func(_, job *batchv1.Job) { look(job) }})
	return c
}

// Run deletes until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 2)
	return nil
}

// expiry tells when the job is to be deleted, if it is.
func expiry(job *batchv1.Job) (time.Time, bool) {
	if job.Spec.TTLSecondsAfterFinished == nil || job.DeletionTimestamp != nil {
		return time.Time{}, false
	}
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Add(time.Duration(*job.Spec.TTLSecondsAfterFinished) * time.Second), true
		}
	}
	return time.Time{}, false
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	job, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	at, ok := expiry(job)
	if !ok {
		return nil
	}
	if left := time.Until(at); left > 0 {
		c.loop.AddAfter(key, left)
		return nil
	}
	// The version makes sure that nobody has changed the time meanwhile.
	foreground := metav1.DeletePropagationForeground
	err := c.jobs.Delete(ctx, job.Namespace, job.Name, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &job.UID, ResourceVersion: &job.ResourceVersion},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete job %s: %w", key, err)
	}
	return nil
}

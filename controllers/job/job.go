// Package job runs Jobs: as many pods at a time as parallelism says until
// enough have succeeded, counting each pod exactly once by a finalizer.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "job-controller"
	workers   = 5
	// tracked maps namespace/job to the pods that hold our finalizer; those
	// without an owner are under the job of no name.
	tracked = "job-tracked"
)

// Controller runs all jobs.
type Controller struct {
	jobs    client.Resource[*batchv1.Job]
	pods    client.Resource[*corev1.Pod]
	view    client.Informer[*batchv1.Job]
	podView client.Informer[*corev1.Pod]
	expects podcontrol.Expectations
	written podcontrol.Written
	loop    *reconcile.Loop
	events  *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		jobs: client.Of(api, client.Jobs), pods: client.Of(api, client.Pods),
		view: client.InformerOf(informers, client.Jobs), podView: client.InformerOf(informers, client.Pods),
		events: events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	podcontrol.AddIndexes(c.podView)
	c.podView.AddIndex(tracked, func(pod *corev1.Pod) []string {
		if !hasFinalizer(pod) {
			return nil
		}
		if owner, ok := ownerOf(pod); ok {
			return []string{owner.String()}
		}
		return []string{nobody(pod).String()}
	})
	c.view.Handle(client.Handler[*batchv1.Job]{
		Add:    func(job *batchv1.Job) { c.loop.Add(client.KeyOf(job)) },
		Update: func(_, job *batchv1.Job) { c.loop.Add(client.KeyOf(job)) },
		Delete: func(job *batchv1.Job) {
			c.loop.Add(client.KeyOf(job))
			c.loop.Add(client.Key{Namespace: job.Namespace})
		},
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{
		Add: func(pod *corev1.Pod) {
			if owner, ok := ownerOf(pod); ok {
				c.expects.Created(owner, 1)
			}
			c.wake(pod)
		},
		Update: func(old, pod *corev1.Pod) {
			if pod.DeletionTimestamp != nil {
				c.seenDeleted(pod)
			}
			if before, ok := ownerOf(old); ok {
				c.loop.Add(before)
			}
			c.wake(pod)
		},
		Delete: func(pod *corev1.Pod) {
			c.seenDeleted(pod)
			c.wake(pod)
		},
	})
	return c
}

// Run runs jobs until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.podView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

func ownerOf(pod *corev1.Pod) (client.Key, bool) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != client.Jobs.Kind {
		return client.Key{}, false
	}
	return client.Key{Namespace: pod.Namespace, Name: ref.Name}, true
}

func (c *Controller) seenDeleted(pod *corev1.Pod) {
	if owner, ok := ownerOf(pod); ok {
		c.expects.Deleted(owner, pod.UID)
	}
}

// wake wakes the pod's job, or those that may adopt it.
func (c *Controller) wake(pod *corev1.Pod) {
	if owner, ok := ownerOf(pod); ok {
		c.loop.Add(owner)
		return
	}
	if metav1.GetControllerOfNoCopy(pod) != nil {
		return
	}
	wanted := c.adopters(pod)
	for _, job := range wanted {
		c.loop.Add(client.KeyOf(job))
	}
	if hasFinalizer(pod) && (len(wanted) == 0 || pod.DeletionTimestamp != nil) {
		c.loop.Add(nobody(pod))
	}
}

// adopters are the jobs whose selector matches the pod.
func (c *Controller) adopters(pod *corev1.Pod) []*batchv1.Job {
	var out []*batchv1.Job
	for _, job := range c.view.List(pod.Namespace, nil) {
		if s, err := metav1.LabelSelectorAsSelector(job.Spec.Selector); err == nil && !s.Empty() && s.Matches(labels.Set(pod.Labels)) {
			out = append(out, job)
		}
	}
	return out
}

// nobody is the key that frees pods of the namespace that no job owns.
func nobody(pod *corev1.Pod) client.Key { return client.Key{Namespace: pod.Namespace} }

// round is one pass over one job.
type round struct {
	*Controller
	key client.Key
	// job is our own copy, whose status takes the news; observed is shared.
	job, observed *batchv1.Job
	pods          []*corev1.Pod
	now           time.Time
	// done and lost are the indexes of an Indexed job that succeeded, and
	// that failed for good.
	done, lost indexes
	// failJob is why a pod failure policy fails the whole job.
	failJob string
	met     bool
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	observed, ok := c.view.Get(key.Namespace, key.Name)
	if err := c.letStraysGo(ctx, key, observed); err != nil {
		return err
	}
	if !ok {
		c.expects.Forget(key)
		c.written.Forget(key)
		return nil
	}
	if managed := observed.Spec.ManagedBy; managed != nil && *managed != batchv1.JobControllerName {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(observed.Spec.Selector)
	if err != nil || selector.Empty() {
		slog.Warn("job has no usable selector", "part", component, "key", key.String(), "err", err)
		return nil
	}
	seen, err := podcontrol.Seen(&c.written, key, []*batchv1.Job{observed}, func() ([]*batchv1.Job, error) { return c.live(ctx, key) })
	if err != nil || !seen {
		return err
	}
	met := c.expects.Met(key)
	claim := podcontrol.Claim[*corev1.Pod]{
		API: c.pods, Informer: c.podView, Owner: observed, Kind: client.Jobs.GroupVersionKind(), Selector: selector,
		Fresh:     func(ctx context.Context) (client.Object, error) { return c.jobs.Get(ctx, key.Namespace, key.Name) },
		Finalizer: batchv1.JobTrackingFinalizer,
	}
	pods, err := claim.Objects(ctx)
	if err != nil {
		return fmt.Errorf("sync job %s: %w", key, err)
	}
	r := &round{Controller: c, key: key, job: observed.DeepCopy(), observed: observed, pods: pods, now: time.Now(), met: met}
	return r.run(ctx)
}

func (c *Controller) live(ctx context.Context, key client.Key) ([]*batchv1.Job, error) {
	job, err := c.jobs.Get(ctx, key.Namespace, key.Name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return []*batchv1.Job{job}, err
}

// run does one round. The status that counts pods is written before their
// finalizers go, so that none is counted twice or never.
//
//	count ─► decide ─► manage pods ─► write status ─► drop finalizers
func (r *round) run(ctx context.Context) error {
	if finished(r.job) || r.job.DeletionTimestamp != nil {
		return r.dropFinalizers(ctx, r.pods)
	}
	r.readIndexes()
	r.count()
	r.start()
	r.decide()
	counted := r.countedPods()
	managed := r.manage(ctx)
	r.tally()
	r.finish()
	if err := r.writeStatus(ctx); err != nil {
		return errors.Join(managed, err)
	}
	return errors.Join(managed, r.dropFinalizers(ctx, counted))
}

func (r *round) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(r.job.Status, r.observed.Status) {
		return nil
	}
	stored, err := r.jobs.UpdateStatus(ctx, r.job.DeepCopy())
	switch {
	case err == nil:
		r.written.Note(r.key, stored.Name, stored.ResourceVersion)
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case !apierrors.IsConflict(err):
		r.written.Unsure(r.key)
	}
	return fmt.Errorf("write status of job %s: %w", r.key, err)
}

// start begins, suspends or resumes the job's clock.
func (r *round) start() {
	suspended := r.job.Spec.Suspend != nil && *r.job.Spec.Suspend
	c := r.condition(batchv1.JobSuspended)
	switch {
	case suspended && (c == nil || c.Status != corev1.ConditionTrue):
		r.setCondition(batchv1.JobSuspended, corev1.ConditionTrue, "JobSuspended", "Job suspended")
		r.job.Status.StartTime = nil
		r.events.Event(r.observed, corev1.EventTypeNormal, "Suspended", "Job suspended")
	case !suspended && c != nil && c.Status == corev1.ConditionTrue:
		r.setCondition(batchv1.JobSuspended, corev1.ConditionFalse, "JobResumed", "Job resumed")
		r.job.Status.StartTime = nil
		r.events.Event(r.observed, corev1.EventTypeNormal, "Resumed", "Job resumed")
	}
	if !suspended && r.job.Status.StartTime == nil {
		at := metav1.NewTime(r.now.Truncate(time.Second))
		r.job.Status.StartTime = &at
	}
}

func (r *round) condition(kind batchv1.JobConditionType) *batchv1.JobCondition {
	i := slices.IndexFunc(r.job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &r.job.Status.Conditions[i]
}

func (r *round) setCondition(kind batchv1.JobConditionType, status corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(r.now.Truncate(time.Second))
	next := batchv1.JobCondition{Type: kind, Status: status, Reason: reason, Message: message, LastProbeTime: now, LastTransitionTime: now}
	if c := r.condition(kind); c != nil {
		*c = next
		return
	}
	r.job.Status.Conditions = append(r.job.Status.Conditions, next)
}

func finished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

// Package cronjob makes Jobs by the schedules of CronJobs.
package cronjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "cronjob-controller"
	workers   = 5
	// mostMissed is how many missed times in a row are still looked through.
	mostMissed = 100
)

// Controller makes jobs.
type Controller struct {
	crons   client.Resource[*batchv1.CronJob]
	jobs    client.Resource[*batchv1.Job]
	view    client.Informer[*batchv1.CronJob]
	jobView client.Informer[*batchv1.Job]
	written podcontrol.Written
	loop    *reconcile.Loop
	events  *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		crons: client.Of(api, client.CronJobs), jobs: client.Of(api, client.Jobs),
		view: client.InformerOf(informers, client.CronJobs), jobView: client.InformerOf(informers, client.Jobs),
		events: events.NewRecorder(api, component, ""),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	podcontrol.AddIndexes(c.jobView)
	c.view.Handle(client.Handler[*batchv1.CronJob]{
		Add:    func(cron *batchv1.CronJob) { c.loop.Add(client.KeyOf(cron)) },
		Update: func(_, cron *batchv1.CronJob) { c.loop.Add(client.KeyOf(cron)) },
		Delete: func(cron *batchv1.CronJob) { c.written.Forget(client.KeyOf(cron)) },
	})
	wake := func(job *batchv1.Job) {
		if ref := metav1.GetControllerOfNoCopy(job); ref != nil && ref.Kind == client.CronJobs.Kind {
			c.loop.Add(client.Key{Namespace: job.Namespace, Name: ref.Name})
		}
	}
	c.jobView.Handle(client.Handler[*batchv1.Job]{Add: wake, Update: func(_, job *batchv1.Job) { wake(job) }, Delete: wake})
	return c
}

// Run makes jobs until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.jobView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// pass is one look at one CronJob; status changes gather in cron.
type pass struct {
	*Controller
	key            client.Key
	cron, observed *batchv1.CronJob
	jobs           []*batchv1.Job
	now            time.Time
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	observed, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || observed.DeletionTimestamp != nil {
		return nil
	}
	seen, err := podcontrol.Seen(&c.written, key, []*batchv1.CronJob{observed}, func() ([]*batchv1.CronJob, error) {
		live, err := c.crons.Get(ctx, key.Namespace, key.Name)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return []*batchv1.CronJob{live}, err
	})
	if err != nil || !seen {
		return err
	}
	p := &pass{Controller: c, key: key, cron: observed.DeepCopy(), observed: observed, jobs: podcontrol.Owned(c.jobView, observed), now: time.Now()}
	if err := p.settle(ctx); err != nil {
		return err
	}
	return errors.Join(p.schedule(ctx), p.writeStatus(ctx), p.cleanup(ctx))
}

func ended(job *batchv1.Job) (batchv1.JobConditionType, bool) {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.Type, true
		}
	}
	return "", false
}

// settle brings the list of active jobs up to date.
func (p *pass) settle(ctx context.Context) error {
	s := &p.cron.Status
	there := map[string]bool{}
	for _, job := range p.jobs {
		there[job.Name] = true
		i := slices.IndexFunc(s.Active, func(ref corev1.ObjectReference) bool { return ref.UID == job.UID })
		how, done := ended(job)
		switch {
		case done && i >= 0:
			s.Active = slices.Delete(s.Active, i, i+1)
			p.events.Event(p.observed, corev1.EventTypeNormal, "SawCompletedJob", "Saw completed job: %s, condition: %v", job.Name, how)
		case !done && i < 0 && job.DeletionTimestamp == nil:
			s.Active = append(s.Active, events.Refer(job))
		}
		if how == batchv1.JobComplete && job.Status.CompletionTime != nil && (s.LastSuccessfulTime == nil || s.LastSuccessfulTime.Before(job.Status.CompletionTime)) {
			s.LastSuccessfulTime = job.Status.CompletionTime
		}
	}
	for _, ref := range slices.Clone(s.Active) {
		if there[ref.Name] {
			continue
		}
		live, err := p.Controller.jobs.Get(ctx, p.key.Namespace, ref.Name)
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("look for job %s: %w", ref.Name, err)
		}
		if err != nil || live.UID != ref.UID {
			s.Active = slices.DeleteFunc(s.Active, func(r corev1.ObjectReference) bool { return r.UID == ref.UID })
			p.events.Event(p.observed, corev1.EventTypeNormal, "MissingJob", "Active job went missing: %v", ref.Name)
		}
	}
	return nil
}

// due returns the latest scheduled time that has come and was not served, or
// zero, and the next one.
func (p *pass) due(s *schedule, zone *time.Location) (latest, next time.Time) {
	from := p.cron.CreationTimestamp.Time
	if p.cron.Status.LastScheduleTime != nil {
		from = p.cron.Status.LastScheduleTime.Time
	}
	if d := p.cron.Spec.StartingDeadlineSeconds; d != nil {
		if bound := p.now.Add(-time.Duration(*d) * time.Second); bound.After(from) {
			from = bound
		}
	}
	t := s.next(from.In(zone))
	for missed := 0; !t.IsZero() && !t.After(p.now); missed++ {
		latest = t
		if missed == mostMissed {
			p.events.Event(p.observed, corev1.EventTypeWarning, "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
			// Begin close to now instead of looking through all of them.
			step := s.next(t).Sub(t)
			if back := p.now.Add(-2 * step).In(zone); back.After(t) {
				t = s.next(back)
				continue
			}
		}
		t = s.next(t)
	}
	return latest, t
}

func (p *pass) schedule(ctx context.Context) error {
	if p.cron.Spec.Suspend != nil && *p.cron.Spec.Suspend {
		return nil
	}
	s, err := parseSchedule(p.cron.Spec.Schedule)
	zone := time.Local
	if err == nil && p.cron.Spec.TimeZone != nil {
		zone, err = time.LoadLocation(*p.cron.Spec.TimeZone)
	}
	if err != nil {
		p.events.Event(p.observed, corev1.EventTypeWarning, "UnparseableSchedule", "unparseable schedule %q: %v", p.cron.Spec.Schedule, err)
		return nil
	}
	latest, next := p.due(s, zone)
	if !next.IsZero() {
		p.loop.AddAfter(p.key, next.Sub(p.now))
	}
	if latest.IsZero() {
		return nil
	}
	if d := p.cron.Spec.StartingDeadlineSeconds; d != nil && latest.Add(time.Duration(*d)*time.Second).Before(p.now) {
		p.events.Event(p.observed, corev1.EventTypeWarning, "MissSchedule", "Missed scheduled time to start a job: %s", latest.UTC().Format(time.RFC1123Z))
		return nil
	}
	if len(p.cron.Status.Active) > 0 {
		switch p.cron.Spec.ConcurrencyPolicy {
		case batchv1.ForbidConcurrent:
			p.events.Event(p.observed, corev1.EventTypeNormal, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid")
			return nil
		case batchv1.ReplaceConcurrent:
			if err := p.replace(ctx); err != nil {
				return err
			}
		}
	}
	return p.create(ctx, latest)
}

// replace deletes the jobs that still run.
func (p *pass) replace(ctx context.Context) error {
	for _, ref := range p.cron.Status.Active {
		if err := p.delete(ctx, ref.Name, &ref); err != nil {
			return err
		}
	}
	p.cron.Status.Active = nil
	return nil
}

func (p *pass) delete(ctx context.Context, name string, ref *corev1.ObjectReference) error {
	background := metav1.DeletePropagationBackground
	err := p.Controller.jobs.Delete(ctx, p.key.Namespace, name, metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &ref.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		p.events.Event(p.observed, corev1.EventTypeWarning, "FailedDelete", "Deleted job: %v", err)
		return fmt.Errorf("delete job %s: %w", name, err)
	}
	p.events.Event(p.observed, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted job %v", name)
	return nil
}

// create makes the job of a scheduled time. Its name tells the time, so that
// it is made once however often we try.
func (p *pass) create(ctx context.Context, at time.Time) error {
	template := p.cron.Spec.JobTemplate.DeepCopy()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.key.Namespace, Name: fmt.Sprintf("%.52s-%d", p.key.Name, at.Unix()/60),
			Labels: maps.Clone(template.Labels), Annotations: maps.Clone(template.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(p.observed, client.CronJobs.GroupVersionKind())},
		},
		Spec: template.Spec,
	}
	metav1.SetMetaDataAnnotation(&job.ObjectMeta, batchv1.CronJobScheduledTimestampAnnotation, at.Format(time.RFC3339))
	name := job.Name
	stored, err := p.Controller.jobs.Create(ctx, job)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsAlreadyExists(err):
		if stored, err = p.Controller.jobs.Get(ctx, p.key.Namespace, name); err != nil || !metav1.IsControlledBy(stored, p.observed) {
			return fmt.Errorf("create job %s: another has this name (%v)", name, err)
		}
	case err != nil:
		p.events.Event(p.observed, corev1.EventTypeWarning, "FailedCreate", "Error creating job: %v", err)
		return fmt.Errorf("create job %s: %w", name, err)
	default:
		p.events.Event(p.observed, corev1.EventTypeNormal, "SuccessfulCreate", "Created job %v", name)
	}
	if _, done := ended(stored); !done && !slices.ContainsFunc(p.cron.Status.Active, func(r corev1.ObjectReference) bool { return r.UID == stored.UID }) {
		p.cron.Status.Active = append(p.cron.Status.Active, events.Refer(stored))
	}
	p.cron.Status.LastScheduleTime = &metav1.Time{Time: at}
	return nil
}

func (p *pass) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(p.cron.Status, p.observed.Status) {
		return nil
	}
	stored, err := p.crons.UpdateStatus(ctx, p.cron)
	switch {
	case err == nil:
		p.written.Note(p.key, stored.Name, stored.ResourceVersion)
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case !apierrors.IsConflict(err):
		p.written.Unsure(p.key)
	}
	return fmt.Errorf("write status of cron job %s: %w", p.key, err)
}

// cleanup deletes the oldest ended jobs beyond the history limits.
func (p *pass) cleanup(ctx context.Context) error {
	var errs []error
	for how, limit := range map[batchv1.JobConditionType]*int32{
		batchv1.JobComplete: p.cron.Spec.SuccessfulJobsHistoryLimit, batchv1.JobFailed: p.cron.Spec.FailedJobsHistoryLimit,
	} {
		if limit == nil {
			continue
		}
		var done []*batchv1.Job
		for _, job := range p.jobs {
			if got, ok := ended(job); ok && got == how && job.DeletionTimestamp == nil {
				done = append(done, job)
			}
		}
		slices.SortFunc(done, func(a, b *batchv1.Job) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
		for _, job := range done[:max(0, len(done)-int(*limit))] {
			ref := events.Refer(job)
			errs = append(errs, p.delete(ctx, job.Name, &ref))
		}
	}
	return errors.Join(errs...)
}

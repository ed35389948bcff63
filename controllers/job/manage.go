package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/controllers/podcontrol"
)

// Figures of Kubernetes: failed pods are replaced after 10 s, then twice that
// each time up to 10 minutes; at most 500 pods are made in one round.
const (
	firstBackoff = 10 * time.Second
	lastBackoff  = 10 * time.Minute
	burst        = 500
)

// manage brings the number of active pods to what the job needs now.
func (r *round) manage(ctx context.Context) error {
	if r.job.Spec.ActiveDeadlineSeconds != nil && r.job.Status.StartTime != nil && !r.ending() {
		if left := r.deadlineLeft(); left > 0 {
			r.loop.AddAfter(r.key, left)
		}
	}
	if !r.met {
		return nil
	}
	active := r.active()
	suspended := r.job.Spec.Suspend != nil && *r.job.Spec.Suspend
	switch {
	case r.ending():
		return r.delete(ctx, active)
	case suspended:
		// A suspended pod did not fail: let go of it before, uncounted.
		return errors.Join(r.dropFinalizers(ctx, active), r.delete(ctx, active))
	}
	if isIndexed(r.job) {
		if extra := r.superfluous(active); len(extra) > 0 {
			return r.delete(ctx, extra)
		}
	}
	wanted := r.wanted(len(active))
	if len(active) > wanted {
		podcontrol.SortForDeletion(active, active, r.now)
		return r.delete(ctx, active[:len(active)-wanted])
	}
	missing := min(wanted-len(active)-r.leaving(), burst)
	if missing <= 0 {
		return nil
	}
	if r.job.Spec.BackoffLimitPerIndex == nil {
		if pause := r.backoff(func(*corev1.Pod) bool { return true }); pause > 0 {
			r.loop.AddAfter(r.key, pause)
			return nil
		}
	}
	return r.create(ctx, active, missing)
}

func (r *round) active() []*corev1.Pod {
	var active []*corev1.Pod
	for _, pod := range r.pods {
		if podcontrol.Active(pod) {
			active = append(active, pod)
		}
	}
	return active
}

// leaving counts the pods that must end before they are replaced.
func (r *round) leaving() int {
	if !onlyFailed(r.job) {
		return 0
	}
	n := 0
	for _, pod := range r.pods {
		if pod.DeletionTimestamp != nil && !podcontrol.Finished(pod) {
			n++
		}
	}
	return n
}

// wanted is how many pods should run now.
func (r *round) wanted(active int) int {
	parallelism := 1
	if r.job.Spec.Parallelism != nil {
		parallelism = int(*r.job.Spec.Parallelism)
	}
	succeeded, _ := r.totals()
	if r.job.Spec.Completions == nil {
		if succeeded > 0 {
			return min(active, parallelism)
		}
		return parallelism
	}
	return min(parallelism, max(0, int(*r.job.Spec.Completions)-int(succeeded)-len(r.lost)))
}

// superfluous are active pods of an index that is done, lost, or taken twice.
func (r *round) superfluous(active []*corev1.Pod) []*corev1.Pod {
	var extra []*corev1.Pod
	taken := indexes{}
	slices.SortFunc(active, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	for _, pod := range active {
		i := indexOf(pod)
		if i < 0 || i >= int(*r.job.Spec.Completions) || r.done[i] || r.lost[i] || taken[i] {
			extra = append(extra, pod)
		}
		taken[i] = true
	}
	return extra
}

// backoff is how long to wait after the last of several failures in a row,
// among the pods that matter.
func (r *round) backoff(matter func(*corev1.Pod) bool) time.Duration {
	var succeeded, last time.Time
	for _, pod := range r.pods {
		if matter(pod) && pod.Status.Phase == corev1.PodSucceeded && endOf(pod).After(succeeded) {
			succeeded = endOf(pod)
		}
	}
	failures := 0
	for _, pod := range r.pods {
		if matter(pod) && r.failed(pod) && endOf(pod).After(succeeded) {
			failures++
			if endOf(pod).After(last) {
				last = endOf(pod)
			}
		}
	}
	if failures == 0 {
		return 0
	}
	pause := min(firstBackoff<<min(failures-1, 10), lastBackoff)
	return last.Add(pause).Sub(r.now)
}

// endOf is when the pod's last container ended.
func endOf(pod *corev1.Pod) time.Time {
	end := pod.CreationTimestamp.Time
	if pod.DeletionTimestamp != nil {
		end = pod.DeletionTimestamp.Time
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Terminated != nil && c.State.Terminated.FinishedAt.After(end) {
			end = c.State.Terminated.FinishedAt.Time
		}
	}
	return end
}

func (r *round) create(ctx context.Context, active []*corev1.Pod, n int) error {
	var free []int
	if isIndexed(r.job) {
		free = r.freeIndexes(active, n)
		n = len(free)
	}
	next := make(chan int, n)
	for i := range n {
		if free != nil {
			next <- free[i]
		} else {
			next <- -1
		}
	}
	r.expects.ExpectCreations(r.key, n)
	created, err := podcontrol.SlowStart(n, func() error {
		pod, err := r.Controller.pods.Create(ctx, r.podFor(<-next))
		if err == nil {
			r.events.Event(r.observed, corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
		}
		return err
	})
	r.expects.Created(r.key, n-created)
	if err == nil || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	r.events.Event(r.observed, corev1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
	return fmt.Errorf("create pods for job %s: %w", r.key, err)
}

// freeIndexes returns the first n indexes that nobody works on.
func (r *round) freeIndexes(active []*corev1.Pod, n int) []int {
	taken := indexes{}
	for _, pod := range active {
		taken[indexOf(pod)] = true
	}
	if onlyFailed(r.job) {
		for _, pod := range r.pods {
			if pod.DeletionTimestamp != nil && !podcontrol.Finished(pod) {
				taken[indexOf(pod)] = true
			}
		}
	}
	free := []int{}
	for i := 0; i < int(*r.job.Spec.Completions) && len(free) < n; i++ {
		if taken[i] || r.done[i] || r.lost[i] {
			continue
		}
		if r.job.Spec.BackoffLimitPerIndex != nil {
			if pause := r.backoff(func(pod *corev1.Pod) bool { return indexOf(pod) == i }); pause > 0 {
				r.loop.AddAfter(r.key, pause)
				continue
			}
		}
		free = append(free, i)
	}
	return free
}

// podFor makes the pod of an index, or of none (-1).
func (r *round) podFor(index int) *corev1.Pod {
	pod := podcontrol.FromTemplate(&r.job.Spec.Template, r.observed, client.Jobs.GroupVersionKind())
	pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
	if index < 0 {
		return pod
	}
	text := strconv.Itoa(index)
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batchv1.JobCompletionIndexAnnotation, text)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, batchv1.JobCompletionIndexAnnotation, text)
	if r.job.Spec.BackoffLimitPerIndex != nil {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, batchv1.JobIndexFailureCountAnnotation, strconv.Itoa(int(r.failuresOf(index))))
	}
	pod.GenerateName = fmt.Sprintf("%.50s-%s-", r.job.Name, text)
	if pod.Spec.Hostname == "" {
		pod.Spec.Hostname = r.job.Name + "-" + text
	}
	env := corev1.EnvVar{Name: "JOB_COMPLETION_INDEX", ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['" + batchv1.JobCompletionIndexAnnotation + "']"},
	}}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			if !slices.ContainsFunc(containers[i].Env, func(e corev1.EnvVar) bool { return e.Name == env.Name }) {
				containers[i].Env = append(containers[i].Env, env)
			}
		}
	}
	return pod
}

// failuresOf is how often pods of the index have failed so far.
func (r *round) failuresOf(index int) int32 {
	most := int32(0)
	for _, pod := range r.pods {
		if indexOf(pod) != index || !r.failed(pod) {
			continue
		}
		count := failuresBefore(pod)
		if verdict, _ := r.judge(pod); verdict != batchv1.PodFailurePolicyActionIgnore {
			count++
		}
		most = max(most, count)
	}
	return most
}

func (r *round) delete(ctx context.Context, pods []*corev1.Pod) error {
	var errs []error
	for _, pod := range pods {
		r.expects.ExpectDeletion(r.key, pod.UID)
		err := r.Controller.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
		if err == nil {
			r.events.Event(r.observed, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
			continue
		}
		r.expects.Deleted(r.key, pod.UID)
		if !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete pod %s: %w", client.KeyOf(pod), err))
		}
	}
	return errors.Join(errs...)
}

package batch

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var (
	spec   = field.NewPath("spec")
	status = field.NewPath("status")
)

func isTrue(j *batchv1.Job, kind batchv1.JobConditionType) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

func finished(j *batchv1.Job) bool {
	return isTrue(j, batchv1.JobComplete) || isTrue(j, batchv1.JobFailed)
}

// transition is a change of a job's status. Most rules are about what changed:
// an older status that breaks one of them may stay as it is.
type transition struct {
	job, old *batchv1.Job
	errs     field.ErrorList
}

func validateJobStatus(j, old *batchv1.Job) field.ErrorList {
	t := &transition{job: j, old: old}
	t.counts()
	t.conditions()
	t.times()
	t.whenFinished()
	t.indexes()
	t.onward()
	return t.errs
}

func (t *transition) invalid(name string, value any, text string) {
	t.errs = append(t.errs, field.Invalid(status.Child(name), value, text))
}

func (t *transition) condition(text string) { t.invalid("conditions", field.OmitValueType{}, text) }

// turned tells whether any of the conditions is another than it was.
func (t *transition) turned(kinds ...batchv1.JobConditionType) bool {
	return slices.ContainsFunc(kinds, func(k batchv1.JobConditionType) bool { return isTrue(t.job, k) != isTrue(t.old, k) })
}

func (t *transition) counts() {
	s := &t.job.Status
	t.errs = append(t.errs, nonnegative(&s.Active, status.Child("active"))...)
	t.errs = append(t.errs, nonnegative(&s.Succeeded, status.Child("succeeded"))...)
	t.errs = append(t.errs, nonnegative(&s.Failed, status.Child("failed"))...)
	t.errs = append(t.errs, nonnegative(s.Ready, status.Child("ready"))...)
	t.errs = append(t.errs, nonnegative(s.Terminating, status.Child("terminating"))...)
	if u := s.UncountedTerminatedPods; u != nil {
		seen, at := map[types.UID]bool{}, status.Child("uncountedTerminatedPods")
		t.uncounted(u.Succeeded, seen, at.Child("succeeded"))
		t.uncounted(u.Failed, seen, at.Child("failed"))
	}
	changed := !ptr.Equal(s.Ready, t.old.Status.Ready) || s.Active != t.old.Status.Active
	if changed && s.Ready != nil && *s.Ready > s.Active {
		t.invalid("ready", *s.Ready, "cannot set more ready pods than active")
	}
}

func (t *transition) uncounted(pods []types.UID, seen map[types.UID]bool, path *field.Path) {
	for i, uid := range pods {
		switch {
		case uid == "":
			t.errs = append(t.errs, field.Invalid(path.Index(i), uid, "must not be empty"))
		case seen[uid]:
			t.errs = append(t.errs, field.Duplicate(path.Index(i), uid))
		}
		seen[uid] = true
	}
}

// conditions that exclude each other, or of which one goes before the other.
func (t *transition) conditions() {
	j := t.job
	complete, failed := isTrue(j, batchv1.JobComplete), isTrue(j, batchv1.JobFailed)
	failing, succeeding := isTrue(j, batchv1.JobFailureTarget), isTrue(j, batchv1.JobSuccessCriteriaMet)
	if complete && failed && t.turned(batchv1.JobComplete, batchv1.JobFailed) {
		t.condition("cannot set Complete=True and Failed=true conditions")
	}
	if complete && failing && t.turned(batchv1.JobComplete, batchv1.JobFailureTarget) {
		t.condition("cannot set Complete=True and FailureTarget=true conditions")
	}
	if failed && !failing && t.turned(batchv1.JobFailed, batchv1.JobFailureTarget) {
		t.condition("cannot set Failed=True condition without the FailureTarget=true condition")
	}
	if complete && !succeeding && t.turned(batchv1.JobComplete, batchv1.JobSuccessCriteriaMet) {
		t.condition("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
	}
	if succeeding && failed {
		t.condition("cannot set SuccessCriteriaMet=True and Failed=true conditions")
	}
	if succeeding && failing {
		t.condition("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
	}
	if j.Spec.SuccessPolicy != nil && !succeeding && complete {
		t.condition("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")
	}
}

func (t *transition) times() {
	s, old := &t.job.Status, &t.old.Status
	started, ended := !s.StartTime.Equal(old.StartTime), !s.CompletionTime.Equal(old.CompletionTime)
	complete := isTrue(t.job, batchv1.JobComplete)
	if t.turned(batchv1.JobComplete) || ended {
		if s.CompletionTime != nil && !complete {
			t.invalid("completionTime", s.CompletionTime, "cannot set completionTime when there is no Complete=True condition")
		}
		if s.CompletionTime == nil && complete {
			t.errs = append(t.errs, field.Required(status.Child("completionTime"), "completionTime is required for Complete jobs"))
		}
	}
	if (started || ended) && s.StartTime != nil && s.CompletionTime.Before(s.StartTime) {
		t.invalid("completionTime", s.CompletionTime, "completionTime cannot be set before startTime")
	}
	if ended && s.CompletionTime != nil && old.CompletionTime != nil {
		t.invalid("completionTime", s.CompletionTime, "completionTime cannot be mutated")
	}
	if started && old.StartTime != nil && !ptr.Deref(t.job.Spec.Suspend, false) {
		t.errs = append(t.errs, field.Required(status.Child("startTime"), "startTime cannot be removed for unsuspended job"))
	}
}

func (t *transition) whenFinished() {
	if !finished(t.job) {
		return
	}
	s, old := &t.job.Status, &t.old.Status
	now := !finished(t.old)
	if (now || s.Active != old.Active) && s.Active > 0 {
		t.invalid("active", s.Active, "active>0 is invalid for finished job")
	}
	// A suspended job of no completions is complete before it starts.
	idle := ptr.Deref(t.job.Spec.Suspend, false) && ptr.Equal(t.job.Spec.Completions, ptr.To[int32](0))
	if (now || !s.StartTime.Equal(old.StartTime)) && !idle && s.StartTime == nil {
		t.errs = append(t.errs, field.Required(status.Child("startTime"), "startTime is required for finished job"))
	}
	u := s.UncountedTerminatedPods
	if (now || !equality.Semantic.DeepEqual(u, old.UncountedTerminatedPods)) && u != nil && len(u.Failed)+len(u.Succeeded) > 0 {
		t.invalid("uncountedTerminatedPods", u, "uncountedTerminatedPods needs to be empty for finished job")
	}
	if (now || !ptr.Equal(s.Terminating, old.Terminating)) && ptr.Deref(s.Terminating, 0) > 0 {
		t.invalid("terminating", *s.Terminating, "terminating>0 is invalid for finished job")
	}
}

func (t *transition) indexes() {
	s, j := &t.job.Status, t.job
	completed, failed := s.CompletedIndexes != t.old.Status.CompletedIndexes, !ptr.Equal(s.FailedIndexes, t.old.Status.FailedIndexes)
	if !completed && !failed {
		return
	}
	var done, lost []span
	if n := j.Spec.Completions; n != nil {
		var err error
		if done, err = parseIndexes(s.CompletedIndexes, *n); err != nil && completed {
			t.invalid("completedIndexes", s.CompletedIndexes, fmt.Sprintf("error parsing completedIndexes: %s", err))
		}
		if lost, err = parseIndexes(ptr.Deref(s.FailedIndexes, ""), *n); err != nil && failed && j.Spec.BackoffLimitPerIndex != nil {
			t.invalid("failedIndexes", s.FailedIndexes, fmt.Sprintf("error parsing failedIndexes: %s", err))
		}
	}
	if completed && s.CompletedIndexes != "" && !isIndexed(&j.Spec) {
		t.invalid("completedIndexes", s.CompletedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode")
	}
	if failed && s.FailedIndexes != nil && j.Spec.BackoffLimitPerIndex == nil {
		t.invalid("failedIndexes", *s.FailedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null")
	}
	if i, ok := overlap(done, lost); ok {
		t.invalid("failedIndexes", *s.FailedIndexes, fmt.Sprintf("failedIndexes and completedIndexes overlap at index: %d", i))
	}
}

// onward refuses to go back.
func (t *transition) onward() {
	for _, kind := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget} {
		if isTrue(t.old, kind) && !isTrue(t.job, kind) {
			t.condition(fmt.Sprintf("cannot disable the terminal %s=True condition", kind))
		}
	}
	s, old := &t.job.Status, &t.old.Status
	if s.Failed < old.Failed {
		t.invalid("failed", s.Failed, "cannot decrease the failed counter")
	}
	// A job that shrinks forgets the pods of the indexes that are gone.
	shrinks := isIndexed(&t.job.Spec) && ptr.Equal(t.job.Spec.Completions, t.job.Spec.Parallelism)
	if s.Succeeded < old.Succeeded && !shrinks {
		t.invalid("succeeded", s.Succeeded, "cannot decrease the succeeded counter")
	}
	if isTrue(t.old, batchv1.JobSuccessCriteriaMet) && !isTrue(t.job, batchv1.JobSuccessCriteriaMet) {
		t.condition("cannot disable the SuccessCriteriaMet=True condition")
	}
	if isTrue(t.old, batchv1.JobComplete) && !isTrue(t.old, batchv1.JobSuccessCriteriaMet) && isTrue(t.job, batchv1.JobSuccessCriteriaMet) {
		t.condition("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
	}
}

package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/controllers/podcontrol"
)

// ending tells whether the job's outcome is decided: its pods then only end.
func (r *round) ending() bool {
	for _, kind := range []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet} {
		if c := r.condition(kind); c != nil && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// decide settles the outcome once it is certain:
//
//	running ─┬─► FailureTarget ──────► all pods ended and counted ─► Failed
//	         └─► SuccessCriteriaMet ─► all pods ended and counted ─► Complete
func (r *round) decide() {
	if r.ending() {
		return
	}
	if reason, message := r.failure(); reason != "" {
		r.setCondition(batchv1.JobFailureTarget, corev1.ConditionTrue, reason, message)
		return
	}
	if message, ok := r.successPolicyMet(); ok {
		r.setCondition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue, batchv1.JobReasonSuccessPolicy, message)
		return
	}
	if r.succeededEnough() {
		r.setCondition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue, batchv1.JobReasonCompletionsReached, "Reached expected number of succeeded pods")
	}
}

func (r *round) totals() (succeeded, failed int32) {
	s := &r.job.Status
	return s.Succeeded + int32(len(s.UncountedTerminatedPods.Succeeded)), s.Failed + int32(len(s.UncountedTerminatedPods.Failed))
}

func (r *round) failure() (reason, message string) {
	spec := &r.job.Spec
	_, failed := r.totals()
	suspended := spec.Suspend != nil && *spec.Suspend
	switch {
	case r.failJob != "":
		return batchv1.JobReasonPodFailurePolicy, r.failJob
	case spec.BackoffLimit != nil && (failed > *spec.BackoffLimit || r.restarts() > *spec.BackoffLimit):
		return batchv1.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit"
	case spec.ActiveDeadlineSeconds != nil && !suspended && r.job.Status.StartTime != nil && r.deadlineLeft() <= 0:
		return batchv1.JobReasonDeadlineExceeded, "Job was active longer than specified deadline"
	case spec.MaxFailedIndexes != nil && len(r.lost) > int(*spec.MaxFailedIndexes):
		return batchv1.JobReasonMaxFailedIndexesExceeded, "Job has exceeded the specified maximal number of failed indexes"
	case len(r.lost) > 0 && len(r.lost)+len(r.done) >= int(*spec.Completions):
		return batchv1.JobReasonFailedIndexes, "Job has failed indexes"
	}
	return "", ""
}

// restarts counts those of containers in place, which stand for failed pods
// when the pods restart their containers themselves.
func (r *round) restarts() int32 {
	if r.job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return 0
	}
	total := int32(0)
	for _, pod := range r.pods {
		if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != corev1.PodPending {
			continue
		}
		for _, c := range pod.Status.InitContainerStatuses {
			total += c.RestartCount
		}
		for _, c := range pod.Status.ContainerStatuses {
			total += c.RestartCount
		}
	}
	if total == 0 {
		return 0
	}
	if *r.job.Spec.BackoffLimit == 0 {
		return total
	}
	// At the limit itself the job fails, unlike with whole pods.
	return total + 1
}

func (r *round) deadlineLeft() time.Duration {
	end := r.job.Status.StartTime.Add(time.Duration(*r.job.Spec.ActiveDeadlineSeconds) * time.Second)
	return end.Sub(r.now)
}

func (r *round) succeededEnough() bool {
	succeeded, _ := r.totals()
	if r.job.Spec.Completions != nil {
		return succeeded >= *r.job.Spec.Completions
	}
	// A work queue is done when one pod succeeded and the others ended.
	if succeeded == 0 {
		return false
	}
	for _, pod := range r.pods {
		if podcontrol.Active(pod) {
			return false
		}
	}
	return true
}

// finish makes a decided outcome final when no pod is left to wait for.
func (r *round) finish() {
	u := r.job.Status.UncountedTerminatedPods
	if !r.ending() || r.job.Status.Active > 0 || *r.job.Status.Terminating > 0 || len(u.Succeeded)+len(u.Failed) > 0 {
		return
	}
	for _, pod := range r.pods {
		// Its end is counted, but not yet written.
		if hasFinalizer(pod) && !isIndexed(r.job) {
			return
		}
	}
	r.job.Status.UncountedTerminatedPods = nil
	if c := r.condition(batchv1.JobFailureTarget); c != nil && c.Status == corev1.ConditionTrue {
		reason, message := c.Reason, c.Message
		r.setCondition(batchv1.JobFailed, corev1.ConditionTrue, reason, message)
		r.events.Event(r.observed, corev1.EventTypeWarning, reason, "%s", message)
		return
	}
	c := r.condition(batchv1.JobSuccessCriteriaMet)
	reason, message := c.Reason, c.Message
	r.setCondition(batchv1.JobComplete, corev1.ConditionTrue, reason, message)
	at := metav1.NewTime(r.now.Truncate(time.Second))
	r.job.Status.CompletionTime = &at
	r.events.Event(r.observed, corev1.EventTypeNormal, "Completed", "Job completed")
}

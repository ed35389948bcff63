package batch

import (
	"fmt"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"minke/api"
	"minke/api/core"
)

func jobColumns() []api.Column[*batchv1.Job] {
	columns := []api.Column[*batchv1.Job]{
		{Name: "Status", Cell: func(j *batchv1.Job) any { return jobState(j) }},
		{Name: "Completions", Cell: func(j *batchv1.Job) any { return completions(j) }},
		{Name: "Duration", Cell: func(j *batchv1.Job) any {
			switch {
			case j.Status.StartTime == nil:
				return ""
			case j.Status.CompletionTime == nil:
				return duration.HumanDuration(time.Since(j.Status.StartTime.Time))
			}
			return duration.HumanDuration(j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
		}},
		api.AgeColumn[*batchv1.Job](),
	}
	columns = append(columns, core.TemplateColumns(func(j *batchv1.Job) *corev1.PodTemplateSpec { return &j.Spec.Template })...)
	return append(columns, core.SelectorColumn(func(j *batchv1.Job) *metav1.LabelSelector { return j.Spec.Selector }))
}

func completions(j *batchv1.Job) string {
	switch {
	case j.Spec.Completions != nil:
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	case j.Spec.Parallelism != nil && *j.Spec.Parallelism > 1:
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, *j.Spec.Parallelism)
	}
	return fmt.Sprintf("%d/1", j.Status.Succeeded)
}

func jobState(j *batchv1.Job) string {
	has := map[batchv1.JobConditionType]bool{}
	for _, c := range j.Status.Conditions {
		has[c.Type] = c.Status == corev1.ConditionTrue
	}
	switch {
	case has[batchv1.JobComplete]:
		return "Complete"
	case has[batchv1.JobFailed]:
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case has[batchv1.JobSuspended]:
		return "Suspended"
	case has[batchv1.JobFailureTarget]:
		return "FailureTarget"
	case has[batchv1.JobSuccessCriteriaMet]:
		return "SuccessCriteriaMet"
	}
	return "Running"
}

func cronJobColumns() []api.Column[*batchv1.CronJob] {
	columns := []api.Column[*batchv1.CronJob]{
		{Name: "Schedule", Cell: func(c *batchv1.CronJob) any { return c.Spec.Schedule }},
		{Name: "Timezone", Cell: func(c *batchv1.CronJob) any {
			if c.Spec.TimeZone == nil {
				return api.None
			}
			return *c.Spec.TimeZone
		}},
		{Name: "Suspend", Type: "boolean", Cell: func(c *batchv1.CronJob) any {
			if c.Spec.Suspend == nil {
				return api.Unset
			}
			return capital(*c.Spec.Suspend)
		}},
		{Name: "Active", Type: "integer", Cell: func(c *batchv1.CronJob) any { return int64(len(c.Status.Active)) }},
		{Name: "Last Schedule", Cell: func(c *batchv1.CronJob) any {
			if c.Status.LastScheduleTime == nil {
				return api.None
			}
			return api.Age(*c.Status.LastScheduleTime)
		}},
		api.AgeColumn[*batchv1.CronJob](),
	}
	columns = append(columns, core.TemplateColumns(func(c *batchv1.CronJob) *corev1.PodTemplateSpec { return &c.Spec.JobTemplate.Spec.Template })...)
	return append(columns, core.SelectorColumn(func(c *batchv1.CronJob) *metav1.LabelSelector { return c.Spec.JobTemplate.Spec.Selector }))
}

// capital writes True or False, as this one table does.
func capital(b bool) string {
	text := strconv.FormatBool(b)
	return string(text[0]-'a'+'A') + text[1:]
}

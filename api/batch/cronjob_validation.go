package batch

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// maxCronJobName leaves room for what the names of its jobs end with.
const maxCronJobName = 52

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	errs := cronJobSpec(&c.Spec, nil)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata").Child("name"), c.Name, fmt.Sprintf("must be no more than %d characters", maxCronJobName)))
	}
	return errs
}

func validateCronJobUpdate(c, old *batchv1.CronJob) field.ErrorList {
	return cronJobSpec(&c.Spec, &old.Spec)
}

func cronJobSpec(s, old *batchv1.CronJobSpec) field.ErrorList {
	var errs field.ErrorList
	if s.Schedule != "" {
		errs = schedule(s, old, spec.Child("schedule"))
	}
	errs = append(errs, nonnegative(s.StartingDeadlineSeconds, spec.Child("startingDeadlineSeconds"))...)
	if old == nil || !ptr.Equal(old.TimeZone, s.TimeZone) {
		errs = append(errs, validateZone(s.TimeZone, spec.Child("timeZone"))...)
	}
	at := spec.Child("concurrencyPolicy")
	switch p := s.ConcurrencyPolicy; p {
	case batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent:
	case "":
		errs = append(errs, field.Required(at, ""))
	default:
		errs = append(errs, field.NotSupported(at, p, []batchv1.ConcurrencyPolicy{batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent}))
	}
	errs = append(errs, jobTemplate(s, old, spec.Child("jobTemplate", "spec"))...)
	errs = append(errs, nonnegative(s.SuccessfulJobsHistoryLimit, spec.Child("successfulJobsHistoryLimit"))...)
	errs = append(errs, nonnegative(s.FailedJobsHistoryLimit, spec.Child("failedJobsHistoryLimit"))...)
	if s.Schedule == "" {
		errs = append(errs, field.Required(spec.Child("schedule"), ""))
	}
	return errs
}

func jobTemplate(s, old *batchv1.CronJobSpec, path *field.Path) field.ErrorList {
	var before *corev1.PodTemplateSpec
	if old != nil {
		before = &old.JobTemplate.Spec.Template
	}
	job := &s.JobTemplate.Spec
	errs := validateJobSpec(job, before, path)
	if job.Selector != nil {
		errs = append(errs, field.Invalid(path.Child("selector"), job.Selector, "`selector` will be auto-generated"))
	}
	if m := job.ManualSelector; m != nil && *m {
		errs = append(errs, field.NotSupported(path.Child("manualSelector"), *m, []string{"nil", "false"}))
	}
	return errs
}

// schedule lets a time zone in the schedule stay where one was, which older
// releases of Kubernetes took.
func schedule(s, old *batchv1.CronJobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	text := s.Schedule
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		_, text, _ = strings.Cut(text, " ")
	}
	if err := checkSchedule(text); err != nil {
		errs = append(errs, field.Invalid(path, s.Schedule, err.Error()))
	}
	had := old != nil && strings.Contains(old.Schedule, "TZ")
	switch has := strings.Contains(s.Schedule, "TZ"); {
	case has && !had:
		errs = append(errs, field.Invalid(path, s.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	case has && s.TimeZone != nil:
		errs = append(errs, field.Invalid(path, s.Schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
	}
	return errs
}

// zonePart is a part of the name of a time zone, see
// https://data.iana.org/time-zones/theory.html#naming. Names with digits are old.
var zonePart = regexp.MustCompile(`^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$`)

func validateZone(zone *string, path *field.Path) field.ErrorList {
	if zone == nil {
		return nil
	}
	if *zone == "" {
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be nil or non-empty string")}
	}
	for part := range strings.SplitSeq(*zone, "/") {
		if part == "." || part == ".." || !zonePart.MatchString(part) {
			return field.ErrorList{field.Invalid(path, *zone, "unknown time zone "+*zone)}
		}
	}
	var errs field.ErrorList
	if strings.EqualFold(*zone, "Local") {
		errs = append(errs, field.Invalid(path, *zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		errs = append(errs, field.Invalid(path, *zone, err.Error()))
	}
	return errs
}

package batch

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

// Limits of Kubernetes on indexed jobs (KEP-3850) and on names.
const (
	maxParallelismIndexed = 100000
	maxCronJobName        = 52
)

func validateJob(j *batchv1.Job) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateJobSpec(&j.Spec, path)
	manual := j.Spec.ManualSelector != nil && *j.Spec.ManualSelector
	if j.Spec.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, metav1validation.ValidateLabelSelector(j.Spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	if !manual {
		errs = append(errs, validateGenerated(j, path)...)
	}
	if s, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && j.Spec.Selector != nil && !s.Matches(labels.Set(j.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), j.Spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	if m := j.Spec.CompletionMode; m != nil && *m == batchv1.IndexedCompletion && j.Spec.Completions != nil && *j.Spec.Completions > 0 {
		name := fmt.Sprintf("%s-%d", j.Name, *j.Spec.Completions-1)
		for _, msg := range validation.IsDNS1123Label(name) {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), j.Name, fmt.Sprintf("will not able to create pod with invalid DNS label %q: %s", name, msg)))
		}
	}
	return errs
}

// validateGenerated refuses a selector or labels that would claim another job's
// pods, unless the user takes that care over with manualSelector.
func validateGenerated(j *batchv1.Job, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("template", "metadata", "labels")
	for label, value := range map[string]string{
		"controller-uid": string(j.UID), "job-name": j.Name, batchv1.ControllerUidLabel: string(j.UID), batchv1.JobNameLabel: j.Name,
	} {
		switch got, ok := j.Spec.Template.Labels[label]; {
		case !ok:
			errs = append(errs, field.Required(at.Key(label), fmt.Sprintf("must be '%s'", value)))
		case got != value:
			errs = append(errs, field.Invalid(at.Key(label), j.Spec.Template.Labels, fmt.Sprintf("must be '%s'", value)))
		}
	}
	want := &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: string(j.UID)}}
	older := &metav1.LabelSelector{MatchLabels: map[string]string{"controller-uid": string(j.UID)}}
	if !equality.Semantic.DeepEqual(want, j.Spec.Selector) && !equality.Semantic.DeepEqual(older, j.Spec.Selector) {
		errs = append(errs, field.Invalid(path.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func nonnegative[N int32 | int64](value *N, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	return apivalidation.ValidateNonnegativeField(int64(*value), path)
}

func validateJobSpec(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := nonnegative(s.Parallelism, path.Child("parallelism"))
	errs = append(errs, nonnegative(s.Completions, path.Child("completions"))...)
	errs = append(errs, nonnegative(s.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	errs = append(errs, nonnegative(s.BackoffLimit, path.Child("backoffLimit"))...)
	errs = append(errs, nonnegative(s.BackoffLimitPerIndex, path.Child("backoffLimitPerIndex"))...)
	errs = append(errs, nonnegative(s.MaxFailedIndexes, path.Child("maxFailedIndexes"))...)
	errs = append(errs, nonnegative(s.TTLSecondsAfterFinished, path.Child("ttlSecondsAfterFinished"))...)
	indexed := s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
	if m := s.CompletionMode; m != nil && *m != batchv1.IndexedCompletion && *m != batchv1.NonIndexedCompletion {
		errs = append(errs, field.NotSupported(path.Child("completionMode"), *m, []batchv1.CompletionMode{batchv1.NonIndexedCompletion, batchv1.IndexedCompletion}))
	}
	if indexed {
		if s.Completions == nil {
			errs = append(errs, field.Required(path.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
		}
		if s.Parallelism != nil && *s.Parallelism > maxParallelismIndexed {
			errs = append(errs, field.Invalid(path.Child("parallelism"), *s.Parallelism, fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxParallelismIndexed, batchv1.IndexedCompletion)))
		}
	}
	if !indexed {
		if s.BackoffLimitPerIndex != nil {
			errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
		}
		if s.SuccessPolicy != nil {
			errs = append(errs, field.Invalid(path.Child("successPolicy"), s.SuccessPolicy, "requires indexed completion mode"))
		}
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	errs = append(errs, core.ValidatePodTemplate(&s.Template, nil, path.Child("template"))...)
	restart := path.Child("template", "spec", "restartPolicy")
	switch p := s.Template.Spec.RestartPolicy; p {
	case corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever:
		if s.PodFailurePolicy != nil && p != corev1.RestartPolicyNever {
			errs = append(errs, field.Invalid(restart, p, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever)))
		}
	case corev1.RestartPolicyAlways:
		unsupported := field.Required(restart, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever))
		errs = append(errs, unsupported)
	}
	return append(errs, validateFailurePolicy(s, path.Child("podFailurePolicy"))...)
}

func validateFailurePolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if s.PodFailurePolicy == nil {
		return nil
	}
	actions := []batchv1.PodFailurePolicyAction{batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore}
	names := map[string]bool{}
	for _, c := range s.Template.Spec.Containers {
		names[c.Name] = true
	}
	for _, c := range s.Template.Spec.InitContainers {
		names[c.Name] = true
	}
	var errs field.ErrorList
	for i, r := range s.PodFailurePolicy.Rules {
		at := path.Child("rules").Index(i)
		known := false
		for _, a := range actions {
			known = known || a == r.Action
		}
		switch {
		case r.Action == "":
			errs = append(errs, field.Required(at.Child("action"), fmt.Sprintf("valid values: %q", actions)))
		case !known:
			errs = append(errs, field.NotSupported(at.Child("action"), r.Action, actions))
		}
		switch {
		case r.OnExitCodes != nil && len(r.OnPodConditions) > 0:
			errs = append(errs, field.Invalid(at, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
		case r.OnExitCodes == nil && len(r.OnPodConditions) == 0:
			errs = append(errs, field.Invalid(at, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
		}
		if e := r.OnExitCodes; e != nil {
			if len(e.Values) == 0 {
				errs = append(errs, field.Invalid(at.Child("onExitCodes", "values"), e.Values, "at least one value is required"))
			}
			if e.ContainerName != nil && !names[*e.ContainerName] {
				errs = append(errs, field.Invalid(at.Child("onExitCodes", "containerName"), *e.ContainerName, "must be one of the container or initContainer names in the pod template"))
			}
		}
	}
	return errs
}

func validateJobUpdate(j, old *batchv1.Job) field.ErrorList {
	errs := validateJobSpec(&j.Spec, field.NewPath("spec"))
	path := field.NewPath("spec")
	indexed := old.Spec.CompletionMode != nil && *old.Spec.CompletionMode == batchv1.IndexedCompletion
	elastic := indexed && j.Spec.Completions != nil && j.Spec.Parallelism != nil && *j.Spec.Completions == *j.Spec.Parallelism
	if !elastic {
		errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.Completions, old.Spec.Completions, path.Child("completions"))...)
	}
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.Selector, old.Spec.Selector, path.Child("selector"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.CompletionMode, old.Spec.CompletionMode, path.Child("completionMode"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.PodFailurePolicy, old.Spec.PodFailurePolicy, path.Child("podFailurePolicy"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.BackoffLimitPerIndex, old.Spec.BackoffLimitPerIndex, path.Child("backoffLimitPerIndex"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.ManagedBy, old.Spec.ManagedBy, path.Child("managedBy"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.SuccessPolicy, old.Spec.SuccessPolicy, path.Child("successPolicy"))...)
	return append(errs, templateUpdate(j, old, path.Child("template"))...)
}

// templateUpdate keeps the template, except that a suspended job that has not
// started may be told where to run, and with what (KEP-2926, KEP-5440).
func templateUpdate(j, old *batchv1.Job, path *field.Path) field.ErrorList {
	now := j.Spec.Template.DeepCopy()
	before := &old.Spec.Template
	if old.Spec.Suspend != nil && *old.Spec.Suspend && old.Status.StartTime == nil {
		now.Labels, now.Annotations = before.Labels, before.Annotations
		now.Spec.NodeSelector, now.Spec.Affinity, now.Spec.Tolerations = before.Spec.NodeSelector, before.Spec.Affinity, before.Spec.Tolerations
		now.Spec.SchedulingGates = before.Spec.SchedulingGates
		if len(now.Spec.Containers) == len(before.Spec.Containers) {
			for i := range now.Spec.Containers {
				now.Spec.Containers[i].Resources = before.Spec.Containers[i].Resources
			}
		}
	}
	return apivalidation.ValidateImmutableField(now, before, path)
}

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata").Child("name"), c.Name, fmt.Sprintf("must be no more than %d characters", maxCronJobName)))
	}
	switch err := checkSchedule(c.Spec.Schedule); {
	case c.Spec.Schedule == "":
		errs = append(errs, field.Required(path.Child("schedule"), ""))
	case strings.Contains(c.Spec.Schedule, "TZ"):
		errs = append(errs, field.Invalid(path.Child("schedule"), c.Spec.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	case err != nil:
		errs = append(errs, field.Invalid(path.Child("schedule"), c.Spec.Schedule, err.Error()))
	}
	errs = append(errs, validateZone(c.Spec.TimeZone, path.Child("timeZone"))...)
	errs = append(errs, nonnegative(c.Spec.StartingDeadlineSeconds, path.Child("startingDeadlineSeconds"))...)
	errs = append(errs, nonnegative(c.Spec.SuccessfulJobsHistoryLimit, path.Child("successfulJobsHistoryLimit"))...)
	errs = append(errs, nonnegative(c.Spec.FailedJobsHistoryLimit, path.Child("failedJobsHistoryLimit"))...)
	switch p := c.Spec.ConcurrencyPolicy; p {
	case batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent:
	case "":
		errs = append(errs, field.Required(path.Child("concurrencyPolicy"), ""))
	default:
		errs = append(errs, field.NotSupported(path.Child("concurrencyPolicy"), p, []batchv1.ConcurrencyPolicy{batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent}))
	}
	job := path.Child("jobTemplate", "spec")
	if m := c.Spec.JobTemplate.Spec.ManualSelector; m != nil && *m {
		errs = append(errs, field.NotSupported(job.Child("manualSelector"), *m, []string{"nil", "false"}))
	}
	return append(errs, validateJobSpec(&c.Spec.JobTemplate.Spec, job)...)
}

func validateZone(zone *string, path *field.Path) field.ErrorList {
	switch {
	case zone == nil:
		return nil
	case *zone == "":
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be nil or non-empty string")}
	case strings.EqualFold(*zone, "Local"):
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")}
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		return field.ErrorList{field.Invalid(path, *zone, err.Error())}
	}
	return nil
}

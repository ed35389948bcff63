package batch

import (
	"fmt"

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

// Limits of Kubernetes, those on indexed jobs from KEP-3850: what is known of
// each index has to fit into the status.
const (
	maxParallelismIndexed = 100000
	maxFailedIndexes      = 100000
	manyCompletions       = 100000
	maxParallelismOfMany  = 10000
	maxFailedOfMany       = 10000
	maxManagedBy          = 63
)

func validateJob(j *batchv1.Job) field.ErrorList {
	errs := validateGenerated(j, spec)
	errs = append(errs, selectedSpec(&j.Spec, nil)...)
	if isIndexed(&j.Spec) && j.Spec.Completions != nil && *j.Spec.Completions > 0 {
		// The pod of the last index has the longest hostname.
		name := fmt.Sprintf("%s-%d", j.Name, *j.Spec.Completions-1)
		if len(validation.IsDNS1123Label(name)) > 0 {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), j.Name, "will not able to create pod with invalid DNS label: "+name))
		}
	}
	return errs
}

func isIndexed(s *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
}

// selectedSpec checks the specification of a job, and that it selects its pods.
// It is given the template as it was; nil for a new job.
func selectedSpec(s *batchv1.JobSpec, old *corev1.PodTemplateSpec) field.ErrorList {
	errs := validateJobSpec(s, old, spec)
	at := spec.Child("selector")
	if s.Selector == nil {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, metav1validation.ValidateLabelSelector(s.Selector, metav1validation.LabelSelectorValidationOptions{}, at)...)
	}
	if selector, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil && !selector.Matches(labels.Set(s.Template.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
	}
	return errs
}

// validateGenerated refuses a selector or labels that would claim another job's
// pods, unless the user takes that care over with manualSelector.
func validateGenerated(j *batchv1.Job, path *field.Path) field.ErrorList {
	if j.Spec.Selector == nil || j.Spec.ManualSelector != nil && *j.Spec.ManualSelector {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("template", "metadata", "labels")
	want := labels.Set{}
	for _, l := range []struct{ key, value string }{
		{"controller-uid", string(j.UID)}, {"job-name", j.Name}, {batchv1.ControllerUidLabel, string(j.UID)}, {batchv1.JobNameLabel, j.Name},
	} {
		want[l.key] = l.value
		switch got, ok := j.Spec.Template.Labels[l.key]; {
		case !ok:
			errs = append(errs, field.Required(at.Key(l.key), fmt.Sprintf("must be '%s'", l.value)))
		case got != l.value:
			errs = append(errs, field.Invalid(at.Key(l.key), j.Spec.Template.Labels, fmt.Sprintf("must be '%s'", l.value)))
		}
	}
	if s, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && !s.Matches(want) {
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

// validateJobSpec checks a job's specification or that of a cron job's template.
func validateJobSpec(s *batchv1.JobSpec, old *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := nonnegative(s.Parallelism, path.Child("parallelism"))
	errs = append(errs, nonnegative(s.Completions, path.Child("completions"))...)
	errs = append(errs, nonnegative(s.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	errs = append(errs, nonnegative(s.BackoffLimit, path.Child("backoffLimit"))...)
	errs = append(errs, nonnegative(s.TTLSecondsAfterFinished, path.Child("ttlSecondsAfterFinished"))...)
	errs = append(errs, nonnegative(s.BackoffLimitPerIndex, path.Child("backoffLimitPerIndex"))...)
	errs = append(errs, nonnegative(s.MaxFailedIndexes, path.Child("maxFailedIndexes"))...)
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if m := s.ManagedBy; m != nil {
		at := path.Child("managedBy")
		errs = append(errs, validation.IsDomainPrefixedPath(at, *m)...)
		if len(*m) > maxManagedBy {
			errs = append(errs, field.TooLongMaxLength(at, *m, maxManagedBy))
		}
	}
	errs = append(errs, completionMode(s, path)...)
	errs = append(errs, validateFailurePolicy(s, path.Child("podFailurePolicy"))...)
	errs = append(errs, validateSuccessPolicy(s, path.Child("successPolicy"))...)
	errs = append(errs, replacementPolicy(s, path.Child("podReplacementPolicy"))...)
	errs = append(errs, core.ValidatePodTemplate(&s.Template, old, path.Child("template"))...)
	return append(errs, restartPolicy(s, path.Child("template", "spec", "restartPolicy"))...)
}

func completionMode(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if m := s.CompletionMode; m != nil && *m != batchv1.IndexedCompletion && *m != batchv1.NonIndexedCompletion {
		errs = append(errs, field.NotSupported(path.Child("completionMode"), *m, []batchv1.CompletionMode{batchv1.NonIndexedCompletion, batchv1.IndexedCompletion}))
	}
	if isIndexed(s) {
		return append(errs, indexed(s, path)...)
	}
	if len(errs) > 0 {
		return errs
	}
	const requires = "requires indexed completion mode"
	if s.BackoffLimitPerIndex != nil {
		errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, requires))
	}
	if s.MaxFailedIndexes != nil {
		errs = append(errs, field.Invalid(path.Child("maxFailedIndexes"), *s.MaxFailedIndexes, requires))
	}
	return errs
}

// indexed is about the limits of indexed jobs.
func indexed(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	atMost := func(name string, value *int32, most int32, format string, args ...any) {
		if value != nil && *value > most {
			errs = append(errs, field.Invalid(path.Child(name), *value, fmt.Sprintf(format, args...)))
		}
	}
	if s.Completions == nil {
		errs = append(errs, field.Required(path.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
	}
	atMost("parallelism", s.Parallelism, maxParallelismIndexed, "must be less than or equal to %d when completion mode is %s", maxParallelismIndexed, batchv1.IndexedCompletion)
	if s.Completions != nil {
		atMost("maxFailedIndexes", s.MaxFailedIndexes, *s.Completions, "must be less than or equal to completions")
	}
	atMost("maxFailedIndexes", s.MaxFailedIndexes, maxFailedIndexes, "must be less than or equal to %d", maxFailedIndexes)
	if s.Completions == nil || *s.Completions <= manyCompletions || s.BackoffLimitPerIndex == nil {
		return errs
	}
	if s.MaxFailedIndexes == nil {
		errs = append(errs, field.Required(path.Child("maxFailedIndexes"), fmt.Sprintf("must be specified when completions is above %d", manyCompletions)))
	}
	const many = "must be less than or equal to %d when completions are above %d and used with backoff limit per index"
	atMost("parallelism", s.Parallelism, maxParallelismOfMany, many, maxParallelismOfMany, manyCompletions)
	atMost("maxFailedIndexes", s.MaxFailedIndexes, maxFailedOfMany, many, maxFailedOfMany, manyCompletions)
	return errs
}

func restartPolicy(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	allowed := []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}
	switch p := s.Template.Spec.RestartPolicy; {
	case p == corev1.RestartPolicyAlways || p == "":
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q, %q", allowed[0], allowed[1]))}
	case p != allowed[0] && p != allowed[1]:
		return field.ErrorList{field.NotSupported(path, p, allowed)}
	case s.PodFailurePolicy != nil && p != corev1.RestartPolicyNever:
		return field.ErrorList{field.Invalid(path, p, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever))}
	}
	return nil
}

func validateJobUpdate(j, old *batchv1.Job) field.ErrorList {
	s, was := &j.Spec, &old.Spec
	errs := selectedSpec(s, &was.Template)
	errs = append(errs, sameCompletions(s, was, spec.Child("completions"))...)
	same := apivalidation.ValidateImmutableField
	errs = append(errs, same(s.Selector, was.Selector, spec.Child("selector"))...)
	errs = append(errs, templateUpdate(j, old, spec.Child("template"))...)
	errs = append(errs, same(s.CompletionMode, was.CompletionMode, spec.Child("completionMode"))...)
	errs = append(errs, same(s.PodFailurePolicy, was.PodFailurePolicy, spec.Child("podFailurePolicy"))...)
	errs = append(errs, same(s.BackoffLimitPerIndex, was.BackoffLimitPerIndex, spec.Child("backoffLimitPerIndex"))...)
	errs = append(errs, same(s.ManagedBy, was.ManagedBy, spec.Child("managedBy"))...)
	return append(errs, same(s.SuccessPolicy, was.SuccessPolicy, spec.Child("successPolicy"))...)
}

// sameCompletions: those of an indexed job may change along with its parallelism (KEP-3715).
func sameCompletions(s, old *batchv1.JobSpec, path *field.Path) field.ErrorList {
	switch {
	case !isIndexed(s):
		return apivalidation.ValidateImmutableField(s.Completions, old.Completions, path)
	case s.Completions == nil || equality.Semantic.DeepEqual(s.Completions, old.Completions):
		return nil
	case s.Parallelism == nil || *s.Completions != *s.Parallelism:
		return field.ErrorList{field.Invalid(path, s.Completions, "can only be modified in tandem with "+path.Root().Child("parallelism").String())}
	}
	return nil
}

// templateUpdate keeps the template, except that a suspended job of which no pod
// runs may be told where to run, and with what (KEP-2926, KEP-5440).
func templateUpdate(j, old *batchv1.Job, path *field.Path) field.ErrorList {
	now, before := &j.Spec.Template, &old.Spec.Template
	if mayMove(old) {
		before = before.DeepCopy()
		nodeAffinity(&now.Spec, &before.Spec)
		before.Labels, before.Annotations = now.Labels, now.Annotations
		before.Spec.NodeSelector, before.Spec.Tolerations = now.Spec.NodeSelector, now.Spec.Tolerations
		before.Spec.SchedulingGates = now.Spec.SchedulingGates
		return resourcesOnly(&now.Spec, &before.Spec, path.Child("spec"))
	}
	return apivalidation.ValidateImmutableField(now, before, path)
}

// resourcesOnly lets what containers ask for change.
func resourcesOnly(now, before *corev1.PodSpec, path *field.Path) field.ErrorList {
	takeResources(before.Containers, now.Containers)
	takeResources(before.InitContainers, now.InitContainers)
	return apivalidation.ValidateImmutableField(now, before, path)
}

func mayMove(j *batchv1.Job) bool {
	if j.Spec.Suspend == nil || !*j.Spec.Suspend {
		return false
	}
	return j.Status.StartTime == nil || isTrue(j, batchv1.JobSuspended) && j.Status.Active == 0
}

// nodeAffinity makes the old affinity to nodes the new one.
func nodeAffinity(now, before *corev1.PodSpec) {
	switch {
	case now.Affinity != nil:
		if before.Affinity == nil {
			before.Affinity = &corev1.Affinity{}
		}
		before.Affinity.NodeAffinity = now.Affinity.NodeAffinity
	case before.Affinity != nil:
		before.Affinity.NodeAffinity = nil
		if *before.Affinity == (corev1.Affinity{}) {
			before.Affinity = nil
		}
	}
}

func takeResources(containers, wanted []corev1.Container) {
	if len(containers) != len(wanted) {
		return
	}
	for i := range containers {
		containers[i].Resources = wanted[i].Resources
	}
}

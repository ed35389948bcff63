package batch

import (
	"maps"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"minke/api"
	"minke/api/core"
)

func defaultJob(j *batchv1.Job) {
	s := &j.Spec
	core.DefaultPodTemplate(&s.Template)
	if s.Completions == nil && s.Parallelism == nil {
		s.Completions = new(int32(1))
	}
	api.FillPointer(&s.Parallelism, 1)
	if s.BackoffLimit == nil {
		s.BackoffLimit = new(int32(6))
		if s.BackoffLimitPerIndex != nil {
			s.BackoffLimit = new(int32(math.MaxInt32))
		}
	}
	if len(j.Labels) == 0 {
		j.Labels = maps.Clone(s.Template.Labels)
	}
	api.FillPointer(&s.CompletionMode, batchv1.NonIndexedCompletion)
	api.FillPointer(&s.Suspend, false)
	api.FillPointer(&s.ManualSelector, false)
	if s.PodFailurePolicy != nil {
		defaultFailurePolicy(s.PodFailurePolicy)
		api.FillPointer(&s.PodReplacementPolicy, batchv1.Failed)
	}
	api.FillPointer(&s.PodReplacementPolicy, batchv1.TerminatingOrFailed)
}

func defaultFailurePolicy(p *batchv1.PodFailurePolicy) {
	for i := range p.Rules {
		for j := range p.Rules[i].OnPodConditions {
			api.Fill(&p.Rules[i].OnPodConditions[j].Status, corev1.ConditionTrue)
		}
	}
}

func defaultCronJob(c *batchv1.CronJob) {
	s := &c.Spec
	core.DefaultPodTemplate(&s.JobTemplate.Spec.Template)
	if p := s.JobTemplate.Spec.PodFailurePolicy; p != nil {
		defaultFailurePolicy(p)
	}
	api.Fill(&s.ConcurrencyPolicy, batchv1.AllowConcurrent)
	api.FillPointer(&s.Suspend, false)
	api.FillPointer(&s.SuccessfulJobsHistoryLimit, 3)
	api.FillPointer(&s.FailedJobsHistoryLimit, 1)
}

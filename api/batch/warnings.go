package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func jobWarnings(j, old *batchv1.Job) []string {
	if old != nil && old.Generation == j.Generation {
		return nil
	}
	return append(nameWarnings(j.Name, old == nil), core.PodTemplateWarnings(&j.Spec.Template, field.NewPath("spec", "template"))...)
}

func cronJobWarnings(c, old *batchv1.CronJob) []string {
	if old != nil && old.Generation == c.Generation {
		return nil
	}
	return append(nameWarnings(c.Name, old == nil),
		core.PodTemplateWarnings(&c.Spec.JobTemplate.Spec.Template, field.NewPath("spec", "jobTemplate", "spec", "template"))...)
}

func nameWarnings(name string, isNew bool) []string {
	if msgs := validation.IsDNS1123Label(name); isNew && name != "" && len(msgs) > 0 {
		return []string{fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", msgs)}
	}
	return nil
}

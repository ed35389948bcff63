package batch

import (
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"minke/api/core"
)

func jobWarnings(j, old *batchv1.Job) []string {
	if old != nil && old.Generation == j.Generation {
		return nil
	}
	return append(nameWarnings(j.Name, old == nil), specWarnings(&j.Spec, spec)...)
}

func cronJobWarnings(c, old *batchv1.CronJob) []string {
	var all []string
	if old == nil || old.Generation != c.Generation {
		all = append(nameWarnings(c.Name, old == nil), specWarnings(&c.Spec.JobTemplate.Spec, spec.Child("jobTemplate", "spec"))...)
	}
	if strings.Contains(c.Spec.Schedule, "TZ") {
		all = append(all, "spec.schedule: CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
	}
	return all
}

func specWarnings(s *batchv1.JobSpec, path *field.Path) []string {
	var all []string
	if isIndexed(s) && ptr.Deref(s.Completions, 0) > manyCompletions && ptr.Deref(s.Parallelism, 0) > maxParallelismOfMany {
		all = append(all, fmt.Sprintf("%s: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail", path))
	}
	return append(all, core.PodTemplateWarnings(&s.Template, path.Child("template"))...)
}

func nameWarnings(name string, isNew bool) []string {
	if msgs := validation.IsDNS1123Label(name); isNew && name != "" && len(msgs) > 0 {
		return []string{fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", msgs)}
	}
	return nil
}

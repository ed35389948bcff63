package batch

import (
	batchv1 "k8s.io/api/batch/v1"

	"minke/api"
)

func jobs() *api.Resource {
	return api.Definition[*batchv1.Job]{
		Kind:             batchv1.SchemeGroupVersion.WithKind("Job"),
		Plural:           "jobs",
		Categories:       []string{"all"},
		New:              api.New[batchv1.Job],
		NewList:          api.NewList[batchv1.JobList],
		PrepareForCreate: jobCreate,
		PrepareForUpdate: jobUpdate,
		Subresources: map[string]api.Subresource[*batchv1.Job]{
			"status": {Prepare: jobStatus, ValidateUpdate: validateJobStatus},
		},
		Default:       defaultJob,
		DefaultOrphan: true,
		OrphanWarning: "child pods are preserved by default when jobs are deleted; " +
			"set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
		Fields:         jobFields(),
		FieldRefusal:   `field label %q not supported for Job`,
		Columns:        jobColumns(),
		Validate:       validateJob,
		ValidateUpdate: validateJobUpdate,
		Warnings:       jobWarnings,
	}.Resource()
}

func jobUpdate(o, old *batchv1.Job) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// jobStatus lets the status subresource change nothing but the status.
func jobStatus(o, old *batchv1.Job) {
	o.Spec = old.Spec
}

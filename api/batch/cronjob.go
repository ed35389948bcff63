package batch

import (
	batchv1 "k8s.io/api/batch/v1"

	"minke/api"
)

func cronJobs() *api.Resource {
	return api.Definition[*batchv1.CronJob]{
		Kind:             batchv1.SchemeGroupVersion.WithKind("CronJob"),
		Plural:           "cronjobs",
		ShortNames:       []string{"cj"},
		Categories:       []string{"all"},
		New:              api.New[batchv1.CronJob],
		NewList:          api.NewList[batchv1.CronJobList],
		PrepareForCreate: cronJobCreate,
		PrepareForUpdate: cronJobUpdate,
		Subresources: map[string]api.Subresource[*batchv1.CronJob]{
			"status": {Prepare: cronJobStatus},
		},
		Default:        defaultCronJob,
		Columns:        cronJobColumns(),
		Validate:       validateCronJob,
		ValidateUpdate: validateCronJobUpdate,
		Warnings:       cronJobWarnings,
	}.Resource()
}

func cronJobCreate(o *batchv1.CronJob) {
	o.Status = batchv1.CronJobStatus{}
	o.Generation = 1
}

func cronJobUpdate(o, old *batchv1.CronJob) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// cronJobStatus lets the status subresource change nothing but the status.
func cronJobStatus(o, old *batchv1.CronJob) {
	o.Spec = old.Spec
}

package batch

import (
	"maps"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jobCreate(j *batchv1.Job) {
	j.Generation = 1
	j.Status = batchv1.JobStatus{}
	generateSelector(j)
	if len(j.Labels) == 0 {
		// As defaulting would do when the job is read again.
		j.Labels = maps.Clone(j.Spec.Template.Labels)
	}
}

// generateSelector gives the job's pods labels that no other job's have, and
// selects by them, unless the user chose to care for the selector. A label that
// the user set to another value is left for validation to refuse.
func generateSelector(j *batchv1.Job) {
	if j.Spec.ManualSelector != nil && *j.Spec.ManualSelector {
		return
	}
	t := &j.Spec.Template
	if t.Labels == nil {
		t.Labels = map[string]string{}
	}
	// The unprefixed names are older; clients still select by them.
	for label, value := range map[string]string{
		"controller-uid":           string(j.UID),
		"job-name":                 j.Name,
		batchv1.ControllerUidLabel: string(j.UID),
		batchv1.JobNameLabel:       j.Name,
	} {
		if _, ok := t.Labels[label]; !ok {
			t.Labels[label] = value
		}
	}
	if j.Spec.Selector == nil {
		j.Spec.Selector = &metav1.LabelSelector{}
	}
	if j.Spec.Selector.MatchLabels == nil {
		j.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, ok := j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !ok {
		j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(j.UID)
	}
}

func jobFields() map[string]func(*batchv1.Job) string {
	return map[string]func(*batchv1.Job) string{
		"status.successful": func(j *batchv1.Job) string { return strconv.Itoa(int(j.Status.Succeeded)) },
	}
}

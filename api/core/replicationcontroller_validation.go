package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePodTemplateUpdate(t, old *corev1.PodTemplate) field.ErrorList {
	return ValidatePodTemplate(&t.Template, &old.Template, field.NewPath("template"))
}

func validateReplicationController(rc *corev1.ReplicationController) field.ErrorList {
	return replicationControllerSpec(rc, nil)
}

func validateReplicationControllerUpdate(rc, old *corev1.ReplicationController) field.ErrorList {
	return replicationControllerSpec(rc, old.Spec.Template)
}

// replicationControllerSpec is given the template as it was; nil for a new one.
func replicationControllerSpec(rc *corev1.ReplicationController, old *corev1.PodTemplateSpec) field.ErrorList {
	path := field.NewPath("spec")
	errs := notNegative(int64(rc.Spec.MinReadySeconds), path.Child("minReadySeconds"))
	selector := labels.Set(rc.Spec.Selector)
	if len(selector) == 0 {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	}
	if rc.Spec.Replicas == nil {
		errs = append(errs, field.Required(path.Child("replicas"), ""))
	} else {
		errs = append(errs, notNegative(int64(*rc.Spec.Replicas), path.Child("replicas"))...)
	}
	t := rc.Spec.Template
	if t == nil {
		return append(errs, field.Required(path.Child("template"), ""))
	}
	if len(selector) > 0 && !selector.AsSelector().Matches(labels.Set(t.Labels)) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), t.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, ValidatePodTemplate(t, old, path.Child("template"))...)
	return append(errs, AlwaysRestart(t, "ReplicationController", path.Child("template"))...)
}

// AlwaysRestart requires the restart policy of workloads that run for good, of
// the kind called so.
func AlwaysRestart(t *corev1.PodTemplateSpec, kind string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p := t.Spec.RestartPolicy; p != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("spec", "restartPolicy"), p, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported"))
	}
	return errs
}

func validateReplicationControllerStatus(rc, _ *corev1.ReplicationController) field.ErrorList {
	s := &rc.Status
	return ReplicaCounts(field.NewPath("status"), s.ObservedGeneration, "readyReplicas", []Count{
		{"replicas", s.Replicas}, {"fullyLabeledReplicas", s.FullyLabeledReplicas}, {"readyReplicas", s.ReadyReplicas}, {"availableReplicas", s.AvailableReplicas},
	})
}

// Count is one of the figures of a workload's status: replicas, one of them, or
// availableReplicas, which are also ready.
type Count struct {
	Name string
	N    int32
}

// ReplicaCounts checks the figures of a status: none is negative, and no part is
// more than the whole, which is the first. Of those available there are at most
// as many as ready; most is the field's name in the error about that.
func ReplicaCounts(path *field.Path, observed int64, most string, counts []Count) field.ErrorList {
	var errs field.ErrorList
	for _, c := range counts {
		errs = append(errs, notNegative(int64(c.N), path.Child(c.Name))...)
	}
	errs = append(errs, notNegative(observed, path.Child("observedGeneration"))...)
	ready := counts[0].N
	for _, c := range counts[1:] {
		if c.Name == "readyReplicas" {
			ready = c.N
		}
		if c.N > counts[0].N {
			errs = append(errs, field.Invalid(path.Child(c.Name), c.N, "cannot be greater than status.replicas"))
		}
	}
	for _, c := range counts {
		if c.Name == "availableReplicas" && c.N > ready {
			errs = append(errs, field.Invalid(path.Child(c.Name), c.N, "cannot be greater than "+most))
		}
	}
	return errs
}

func replicationControllerWarnings(rc, old *corev1.ReplicationController) []string {
	if old != nil && old.Generation == rc.Generation {
		return nil
	}
	if old != nil {
		rc = old // as Kubernetes warns: of the template as it was
	}
	if rc.Spec.Template == nil {
		return nil
	}
	return PodTemplateWarnings(rc.Spec.Template, field.NewPath("spec", "template"))
}

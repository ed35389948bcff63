package apps

import (
	"bytes"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

var (
	spec   = field.NewPath("spec")
	status = field.NewPath("status")
)

// validateSelector requires a selector that selects something.
func validateSelector(kind string, s *metav1.LabelSelector) field.ErrorList {
	at := spec.Child("selector")
	if s == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, at)
	if len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(at, s, "empty selector is invalid for "+kind))
	}
	return errs
}

// selects tells whether the template's pods are those selected. The complaint
// is about a selector that is none.
func selects(s *metav1.LabelSelector, t *corev1.PodTemplateSpec, complaint string) field.ErrorList {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return field.ErrorList{field.Invalid(spec.Child("selector"), s, complaint)}
	}
	if !selector.Matches(labels.Set(t.Labels)) {
		return field.ErrorList{field.Invalid(template.Child("metadata", "labels"), t.Labels, "`selector` does not match template `labels`")}
	}
	return nil
}

// validateTemplate checks the template of a replica set, or of a deployment
// that will make one.
func validateTemplate(s *metav1.LabelSelector, t, old *corev1.PodTemplateSpec) field.ErrorList {
	errs := validateSelector("deployment", s)
	errs = append(errs, selects(s, t, "invalid label selector")...)
	errs = append(errs, core.ValidatePodTemplate(t, old, template)...)
	return append(errs, core.AlwaysRestart(t, "ReplicaSet", template)...)
}

func nonnegative(name string, value *int32) field.ErrorList {
	if value == nil {
		return nil
	}
	return apivalidation.ValidateNonnegativeField(int64(*value), spec.Child(name))
}

func sameSelector(s, old *metav1.LabelSelector) field.ErrorList {
	return apivalidation.ValidateImmutableField(s, old, spec.Child("selector"))
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList { return deploymentSpec(&d.Spec, nil) }

// deploymentSpec is given the template as it was; nil for a new deployment.
func deploymentSpec(s *appsv1.DeploymentSpec, old *corev1.PodTemplateSpec) field.ErrorList {
	errs := nonnegative("replicas", s.Replicas)
	errs = append(errs, validateTemplate(s.Selector, &s.Template, old)...)
	errs = append(errs, deploymentStrategy(&s.Strategy, spec.Child("strategy"))...)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	errs = append(errs, nonnegative("revisionHistoryLimit", s.RevisionHistoryLimit)...)
	if p := s.ProgressDeadlineSeconds; p != nil {
		errs = append(errs, nonnegative("progressDeadlineSeconds", p)...)
		if *p <= s.MinReadySeconds {
			errs = append(errs, field.Invalid(spec.Child("progressDeadlineSeconds"), *p, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateDeploymentUpdate(d, old *appsv1.Deployment) field.ErrorList {
	return append(deploymentSpec(&d.Spec, &old.Spec.Template), sameSelector(d.Spec.Selector, old.Spec.Selector)...)
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList { return replicaSetSpec(&r.Spec, nil) }

func replicaSetSpec(s *appsv1.ReplicaSetSpec, old *corev1.PodTemplateSpec) field.ErrorList {
	errs := nonnegative("replicas", s.Replicas)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	return append(errs, validateTemplate(s.Selector, &s.Template, old)...)
}

func validateReplicaSetUpdate(r, old *appsv1.ReplicaSet) field.ErrorList {
	return append(replicaSetSpec(&r.Spec, &old.Spec.Template), sameSelector(r.Spec.Selector, old.Spec.Selector)...)
}

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList { return daemonSetSpec(&d.Spec, nil) }

func daemonSetSpec(s *appsv1.DaemonSetSpec, old *corev1.PodTemplateSpec) field.ErrorList {
	at := spec.Child("selector")
	errs := metav1validation.ValidateLabelSelector(s.Selector, metav1validation.LabelSelectorValidationOptions{}, at)
	if len(errs) == 0 {
		errs = append(errs, selects(s.Selector, &s.Template, "invalid label selector")...)
	}
	if s.Selector != nil && len(s.Selector.MatchLabels)+len(s.Selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(at, s.Selector, "empty selector is invalid for daemonset"))
	}
	errs = append(errs, core.ValidatePodTemplate(&s.Template, old, template)...)
	errs = append(errs, core.AlwaysRestart(&s.Template, "DaemonSet", template)...)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	errs = append(errs, daemonSetStrategy(&s.UpdateStrategy, spec.Child("updateStrategy"))...)
	return append(errs, nonnegative("revisionHistoryLimit", s.RevisionHistoryLimit)...)
}

func validateDaemonSetUpdate(d, old *appsv1.DaemonSet) field.ErrorList {
	return append(sameSelector(d.Spec.Selector, old.Spec.Selector), daemonSetSpec(&d.Spec, &old.Spec.Template)...)
}

func validateRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(r.Revision, field.NewPath("revision"))
	if r.Data.Object != nil {
		return errs
	}
	data := field.NewPath("data")
	switch text := bytes.TrimSpace(r.Data.Raw); {
	case len(text) == 0, string(text) == "null":
		errs = append(errs, field.Required(data, "data is mandatory"))
	case text[0] != '{':
		errs = append(errs, field.Required(data, "data must be a valid JSON object"))
	}
	return errs
}

// validateRevisionUpdate has the data neither changed nor left out.
func validateRevisionUpdate(r, old *appsv1.ControllerRevision) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(r.Revision, field.NewPath("revision"))
	if !equality.Semantic.DeepEqual(r.Data.Raw, old.Data.Raw) {
		errs = append(errs, field.Invalid(field.NewPath("data"), string(r.Data.Raw), core.Immutable))
	}
	return errs
}

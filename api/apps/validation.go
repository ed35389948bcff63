package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

var spec = field.NewPath("spec")

// workload checks a selector and the template that it must select.
func workload(kind string, s *metav1.LabelSelector, t *corev1.PodTemplateSpec) field.ErrorList {
	var errs field.ErrorList
	at := spec.Child("selector")
	switch {
	case s == nil:
		errs = append(errs, field.Required(at, ""))
	default:
		errs = append(errs, metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, at)...)
		if len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(at, s, fmt.Sprintf("empty selector is invalid for %s", kind)))
		}
	}
	if selector, err := metav1.LabelSelectorAsSelector(s); s != nil && err == nil && !selector.Empty() && !selector.Matches(labels.Set(t.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), t.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, core.ValidatePodTemplate(t, spec.Child("template"))...)
	return append(errs, core.AlwaysRestart(t, spec.Child("template"))...)
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

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	s := &d.Spec
	errs := nonnegative("replicas", s.Replicas)
	errs = append(errs, workload("deployment", s.Selector, &s.Template)...)
	errs = append(errs, validateStrategy(&s.Strategy, spec.Child("strategy"))...)
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

func validateStrategy(s *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is '"+string(s.Type)+"'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(path.Child("rollingUpdate"), "this should be defaulted and never be nil")}
		}
		return rolling(s.RollingUpdate.MaxUnavailable, s.RollingUpdate.MaxSurge, path.Child("rollingUpdate"),
			"may not be 0 when `maxSurge` is 0")
	}
	return field.ErrorList{field.NotSupported(path, s, []appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
}

// rolling checks the two bounds of a rolling update: not both may be zero, for
// then nothing could move.
func rolling(unavailable, surge *intstr.IntOrString, path *field.Path, bothZero string) field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, intOrPercent(unavailable, path.Child("maxUnavailable"))...)
	errs = append(errs, intOrPercent(surge, path.Child("maxSurge"))...)
	if zero(unavailable) && zero(surge) {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), unavailable, bothZero))
	}
	if percent(unavailable) > 100 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), unavailable, "must not be greater than 100%"))
	}
	return errs
}

func zero(v *intstr.IntOrString) bool {
	return v == nil || (v.Type == intstr.Int && v.IntVal == 0) || (v.Type == intstr.String && percent(v) == 0)
}

func percent(v *intstr.IntOrString) int {
	if v == nil || v.Type != intstr.String {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, 100, false)
	if err != nil {
		// Not a percentage: intOrPercent says so.
		return 0
	}
	return n
}

func intOrPercent(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	var errs field.ErrorList
	if v.Type == intstr.Int {
		return apivalidation.ValidateNonnegativeField(int64(v.IntVal), path)
	}
	for _, msg := range validation.IsValidPercent(v.StrVal) {
		errs = append(errs, field.Invalid(path, v, msg))
	}
	return errs
}

func validateDeploymentUpdate(d, old *appsv1.Deployment) field.ErrorList {
	return append(validateDeployment(d), sameSelector(d.Spec.Selector, old.Spec.Selector)...)
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	errs := nonnegative("replicas", r.Spec.Replicas)
	errs = append(errs, nonnegative("minReadySeconds", &r.Spec.MinReadySeconds)...)
	return append(errs, workload("replicaset", r.Spec.Selector, &r.Spec.Template)...)
}

func validateReplicaSetUpdate(r, old *appsv1.ReplicaSet) field.ErrorList {
	return append(validateReplicaSet(r), sameSelector(r.Spec.Selector, old.Spec.Selector)...)
}

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	s := &d.Spec
	errs := workload("daemonset", s.Selector, &s.Template)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	errs = append(errs, nonnegative("revisionHistoryLimit", s.RevisionHistoryLimit)...)
	path := spec.Child("updateStrategy")
	switch s.UpdateStrategy.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
	case appsv1.RollingUpdateDaemonSetStrategyType:
		if r := s.UpdateStrategy.RollingUpdate; r == nil {
			errs = append(errs, field.Required(path.Child("rollingUpdate"), ""))
		} else {
			errs = append(errs, rolling(r.MaxUnavailable, r.MaxSurge, path.Child("rollingUpdate"), "cannot be 0 when maxSurge is 0")...)
			if !zero(r.MaxUnavailable) && !zero(r.MaxSurge) {
				errs = append(errs, field.Invalid(path.Child("rollingUpdate", "maxSurge"), r.MaxSurge, "may not be set when maxUnavailable is non-zero"))
			}
		}
	default:
		errs = append(errs, field.NotSupported(path, s.UpdateStrategy, []appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType}))
	}
	return errs
}

func validateDaemonSetUpdate(d, old *appsv1.DaemonSet) field.ErrorList {
	return append(validateDaemonSet(d), sameSelector(d.Spec.Selector, old.Spec.Selector)...)
}

func validateRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(r.Revision, field.NewPath("revision"))
	if len(r.Data.Raw) == 0 && r.Data.Object == nil {
		errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
	}
	return errs
}

func validateRevisionUpdate(r, old *appsv1.ControllerRevision) field.ErrorList {
	if !equality.Semantic.DeepEqual(r.Data.Raw, old.Data.Raw) {
		return append(validateRevision(r), field.Invalid(field.NewPath("data"), "", core.Immutable))
	}
	return validateRevision(r)
}

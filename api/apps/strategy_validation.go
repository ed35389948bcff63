package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func deploymentStrategy(s *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	at := path.Child("rollingUpdate")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(at, "may not be specified when strategy `type` is '"+string(s.Type)+"'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		r := s.RollingUpdate
		if r == nil {
			return field.ErrorList{field.Required(at, "this should be defaulted and never be nil")}
		}
		errs := intOrPercent(r.MaxUnavailable, at.Child("maxUnavailable"))
		errs = append(errs, intOrPercent(r.MaxSurge, at.Child("maxSurge"))...)
		// Nothing could move otherwise.
		if amount(r.MaxUnavailable) == 0 && amount(r.MaxSurge) == 0 {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), r.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
		return append(errs, notMoreThanAll(r.MaxUnavailable, at.Child("maxUnavailable"))...)
	}
	return field.ErrorList{field.NotSupported(path, s, []appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
}

func daemonSetStrategy(s *appsv1.DaemonSetUpdateStrategy, path *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		at := path.Child("rollingUpdate")
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(at, "")}
		}
		return daemonSetRolling(s.RollingUpdate, at)
	}
	return field.ErrorList{field.NotSupported(path, s, []appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
}

func daemonSetRolling(r *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	unavailable, surge := path.Child("maxUnavailable"), path.Child("maxSurge")
	errs := intOrPercent(r.MaxUnavailable, unavailable)
	errs = append(errs, intOrPercent(r.MaxSurge, surge)...)
	errs = append(errs, notMoreThanAll(r.MaxUnavailable, unavailable)...)
	errs = append(errs, notMoreThanAll(r.MaxSurge, surge)...)
	switch down, up := amount(r.MaxUnavailable) != 0, amount(r.MaxSurge) != 0; {
	case down && up:
		errs = append(errs, field.Invalid(surge, r.MaxSurge, "may not be set when maxUnavailable is non-zero"))
	case !down && !up:
		errs = append(errs, field.Required(unavailable, "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

// statefulSetStrategy is about an update that takes turns.
func statefulSetStrategy(u *appsv1.StatefulSetUpdateStrategy, path *field.Path) field.ErrorList {
	at := path.Child("rollingUpdate")
	switch u.Type {
	case "":
		return field.ErrorList{field.Required(path, "")}
	case appsv1.OnDeleteStatefulSetStrategyType:
		if u.RollingUpdate != nil {
			return field.ErrorList{field.Invalid(at, u.RollingUpdate, "only allowed for updateStrategy '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"'")}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if u.RollingUpdate == nil {
			return nil
		}
		return statefulSetRolling(u.RollingUpdate, at)
	}
	return field.ErrorList{field.Invalid(path, u, "must be '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"' or '"+string(appsv1.OnDeleteStatefulSetStrategyType)+"'")}
}

func statefulSetRolling(r *appsv1.RollingUpdateStatefulSetStrategy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p := r.Partition; p != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*p), path.Child("partition"))...)
	}
	if r.MaxUnavailable == nil {
		return errs
	}
	at := path.Child("maxUnavailable")
	errs = append(errs, intOrPercent(r.MaxUnavailable, at)...)
	if amount(r.MaxUnavailable) == 0 {
		errs = append(errs, field.Invalid(at, r.MaxUnavailable, "cannot be 0"))
	}
	return append(errs, notMoreThanAll(r.MaxUnavailable, at)...)
}

// amount is a number or the number of a percentage: only whether it is zero, or
// more than everything, matters here.
func amount(v *intstr.IntOrString) int {
	if v == nil {
		return 0
	}
	if v.Type == intstr.Int {
		return int(v.IntVal)
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, 100, false)
	if err != nil {
		// Not a percentage: intOrPercent says so.
		return 0
	}
	return n
}

func notMoreThanAll(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if v != nil && v.Type == intstr.String && amount(v) > 100 {
		return field.ErrorList{field.Invalid(path, v, "must not be greater than 100%")}
	}
	return nil
}

func intOrPercent(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	if v.Type == intstr.Int {
		return apivalidation.ValidateNonnegativeField(int64(v.IntVal), path)
	}
	var errs field.ErrorList
	for _, msg := range validation.IsValidPercent(v.StrVal) {
		errs = append(errs, field.Invalid(path, v, msg))
	}
	return errs
}

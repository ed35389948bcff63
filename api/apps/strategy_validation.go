package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/intorpercent"
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
		errs := intorpercent.Validate(r.MaxUnavailable, at.Child("maxUnavailable"))
		errs = append(errs, intorpercent.Validate(r.MaxSurge, at.Child("maxSurge"))...)
		// Nothing could move otherwise.
		if intorpercent.Value(r.MaxUnavailable) == 0 && intorpercent.Value(r.MaxSurge) == 0 {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), r.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
		return append(errs, intorpercent.NotMoreThanAll(r.MaxUnavailable, at.Child("maxUnavailable"))...)
	}
	return field.ErrorList{field.NotSupported(path, api.Untagged(*s), []appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
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
	return field.ErrorList{field.NotSupported(path, api.Untagged(*s), []appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
}

func daemonSetRolling(r *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	unavailable, surge := path.Child("maxUnavailable"), path.Child("maxSurge")
	errs := intorpercent.Validate(r.MaxUnavailable, unavailable)
	errs = append(errs, intorpercent.Validate(r.MaxSurge, surge)...)
	errs = append(errs, intorpercent.NotMoreThanAll(r.MaxUnavailable, unavailable)...)
	errs = append(errs, intorpercent.NotMoreThanAll(r.MaxSurge, surge)...)
	switch down, up := intorpercent.Value(r.MaxUnavailable) != 0, intorpercent.Value(r.MaxSurge) != 0; {
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
			return field.ErrorList{field.Invalid(at, api.Untagged(u.RollingUpdate), "only allowed for updateStrategy '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"'")}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if u.RollingUpdate == nil {
			return nil
		}
		return statefulSetRolling(u.RollingUpdate, at)
	}
	return field.ErrorList{field.Invalid(path, api.Untagged(*u), "must be '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"' or '"+string(appsv1.OnDeleteStatefulSetStrategyType)+"'")}
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
	errs = append(errs, intorpercent.Validate(r.MaxUnavailable, at)...)
	if intorpercent.Value(r.MaxUnavailable) == 0 {
		errs = append(errs, field.Invalid(at, r.MaxUnavailable, "cannot be 0"))
	}
	return append(errs, intorpercent.NotMoreThanAll(r.MaxUnavailable, at)...)
}

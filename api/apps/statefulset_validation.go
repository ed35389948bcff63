package apps

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

const statefulSetForbidden = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

func validateStatefulSet(d *appsv1.StatefulSet) field.ErrorList {
	s := &d.Spec
	var errs field.ErrorList
	switch s.PodManagementPolicy {
	case "":
		errs = append(errs, field.Required(spec.Child("podManagementPolicy"), ""))
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(spec.Child("podManagementPolicy"), s.PodManagementPolicy,
			"must be '"+string(appsv1.OrderedReadyPodManagement)+"' or '"+string(appsv1.ParallelPodManagement)+"'"))
	}
	errs = append(errs, validateStatefulStrategy(&s.UpdateStrategy)...)
	errs = append(errs, validateRetention(s.PersistentVolumeClaimRetentionPolicy)...)
	errs = append(errs, nonnegative("replicas", s.Replicas)...)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	errs = append(errs, nonnegative("revisionHistoryLimit", s.RevisionHistoryLimit)...)
	if o := s.Ordinals; o != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(o.Start), spec.Child("ordinals.start"))...)
	}
	// The claims become volumes of the pods, so that mounts may name them.
	withClaims := s.Template
	withClaims.Spec.Volumes = append([]corev1.Volume(nil), s.Template.Spec.Volumes...)
	for i := range s.VolumeClaimTemplates {
		c := &s.VolumeClaimTemplates[i]
		named := func(v corev1.Volume) bool { return v.Name == c.Name }
		withClaims.Spec.Volumes = append(slices.DeleteFunc(withClaims.Spec.Volumes, named), corev1.Volume{
			Name: c.Name,
			VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.Name},
			},
		})
		errs = append(errs, core.ValidatePersistentVolumeClaimSpec(&c.Spec, spec.Child("volumeClaimTemplates").Index(i).Child("spec"))...)
	}
	return append(errs, workload("statefulset", s.Selector, &withClaims)...)
}

func validateStatefulStrategy(u *appsv1.StatefulSetUpdateStrategy) field.ErrorList {
	path := spec.Child("updateStrategy")
	switch u.Type {
	case "":
		return field.ErrorList{field.Required(path, "")}
	case appsv1.OnDeleteStatefulSetStrategyType:
		if u.RollingUpdate != nil {
			return field.ErrorList{field.Invalid(path.Child("rollingUpdate"), u.RollingUpdate, "only allowed for updateStrategy '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"'")}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if u.RollingUpdate == nil {
			return nil
		}
		at := path.Child("rollingUpdate")
		errs := intOrPercent(u.RollingUpdate.MaxUnavailable, at.Child("maxUnavailable"))
		if u.RollingUpdate.MaxUnavailable != nil && zero(u.RollingUpdate.MaxUnavailable) {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), u.RollingUpdate.MaxUnavailable, "cannot be 0"))
		}
		if p := u.RollingUpdate.Partition; p != nil {
			errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*p), at.Child("partition"))...)
		}
		return errs
	}
	return field.ErrorList{field.Invalid(path, u, "must be '"+string(appsv1.RollingUpdateStatefulSetStrategyType)+"' or '"+string(appsv1.OnDeleteStatefulSetStrategyType)+"'")}
}

func validateRetention(p *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy) field.ErrorList {
	if p == nil {
		return nil
	}
	allowed := []appsv1.PersistentVolumeClaimRetentionPolicyType{appsv1.DeletePersistentVolumeClaimRetentionPolicyType, appsv1.RetainPersistentVolumeClaimRetentionPolicyType}
	var errs field.ErrorList
	for _, v := range []struct {
		name  string
		value appsv1.PersistentVolumeClaimRetentionPolicyType
	}{{"whenDeleted", p.WhenDeleted}, {"whenScaled", p.WhenScaled}} {
		if v.value != allowed[0] && v.value != allowed[1] {
			errs = append(errs, field.NotSupported(spec.Child("persistentVolumeClaimRetentionPolicy", v.name), v.value, allowed))
		}
	}
	return errs
}

// validateStatefulSetUpdate makes what may change equal, and refuses the rest.
func validateStatefulSetUpdate(d, old *appsv1.StatefulSet) field.ErrorList {
	errs := validateStatefulSet(d)
	now := d.Spec
	now.Replicas = old.Spec.Replicas
	now.Template = old.Spec.Template
	now.UpdateStrategy = old.Spec.UpdateStrategy
	now.MinReadySeconds = old.Spec.MinReadySeconds
	now.Ordinals = old.Spec.Ordinals
	now.RevisionHistoryLimit = old.Spec.RevisionHistoryLimit
	now.PersistentVolumeClaimRetentionPolicy = old.Spec.PersistentVolumeClaimRetentionPolicy
	if !equality.Semantic.DeepEqual(now, old.Spec) {
		errs = append(errs, field.Forbidden(spec, statefulSetForbidden))
	}
	return errs
}

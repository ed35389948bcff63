package apps

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func validateStatefulSet(d *appsv1.StatefulSet) field.ErrorList {
	s := &d.Spec
	errs := statefulSetSpec(s)
	if s.ServiceName != "" {
		for _, msg := range validation.IsDNS1123Label(s.ServiceName) {
			errs = append(errs, field.Invalid(spec.Child("serviceName"), s.ServiceName, msg))
		}
	}
	for i := range s.VolumeClaimTemplates {
		errs = append(errs, core.ValidatePersistentVolumeClaimSpec(&s.VolumeClaimTemplates[i].Spec, spec.Child("volumeClaimTemplates").Index(i).Child("spec"))...)
	}
	errs = append(errs, statefulSetTemplate(s, nil)...)
	return append(errs, core.AlwaysRestart(&s.Template, "StatefulSet", template)...)
}

// statefulSetSpec is about all but what older releases did not look at.
func statefulSetSpec(s *appsv1.StatefulSetSpec) field.ErrorList {
	var errs field.ErrorList
	switch s.PodManagementPolicy {
	case "":
		errs = append(errs, field.Required(spec.Child("podManagementPolicy"), ""))
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(spec.Child("podManagementPolicy"), s.PodManagementPolicy,
			"must be '"+string(appsv1.OrderedReadyPodManagement)+"' or '"+string(appsv1.ParallelPodManagement)+"'"))
	}
	errs = append(errs, statefulSetStrategy(&s.UpdateStrategy, spec.Child("updateStrategy"))...)
	errs = append(errs, claimRetention(s.PersistentVolumeClaimRetentionPolicy)...)
	errs = append(errs, nonnegative("replicas", s.Replicas)...)
	errs = append(errs, nonnegative("minReadySeconds", &s.MinReadySeconds)...)
	if o := s.Ordinals; o != nil {
		errs = append(errs, nonnegative("ordinals.start", &o.Start)...)
	}
	errs = append(errs, validateSelector("statefulset", s.Selector)...)
	return append(errs, selects(s.Selector, &s.Template, "")...)
}

// statefulSetTemplate checks the template as the pods will be: with the claims
// before their volumes, so that mounts may name them, and names of their own.
func statefulSetTemplate(s, old *appsv1.StatefulSetSpec) field.ErrorList {
	var before *corev1.PodTemplateSpec
	if old != nil {
		before = ofPods(old)
	}
	return core.ValidatePodTemplate(ofPods(s), before, template)
}

func ofPods(s *appsv1.StatefulSetSpec) *corev1.PodTemplateSpec {
	t := s.Template
	t.Spec.Hostname, t.Spec.Subdomain = "", ""
	var volumes []corev1.Volume
	for _, c := range s.VolumeClaimTemplates {
		named := func(v corev1.Volume) bool { return v.Name == c.Name }
		volumes = append(slices.DeleteFunc(volumes, named), corev1.Volume{
			Name: c.Name,
			VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.Name},
			},
		})
	}
	claims := len(volumes)
	for _, v := range t.Spec.Volumes {
		if !slices.ContainsFunc(volumes[:claims], func(c corev1.Volume) bool { return c.Name == v.Name }) {
			volumes = append(volumes, v)
		}
	}
	t.Spec.Volumes = volumes
	return &t
}

func claimRetention(p *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy) field.ErrorList {
	if p == nil {
		return nil
	}
	allowed := []appsv1.PersistentVolumeClaimRetentionPolicyType{appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
	var errs field.ErrorList
	for _, v := range []struct {
		name  string
		value appsv1.PersistentVolumeClaimRetentionPolicyType
	}{{"whenDeleted", p.WhenDeleted}, {"whenScaled", p.WhenScaled}} {
		if !slices.Contains(allowed, v.value) {
			errs = append(errs, field.NotSupported(spec.Child("persistentVolumeClaimRetentionPolicy", v.name), v.value, allowed))
		}
	}
	return errs
}

// validateStatefulSetUpdate keeps what the pods' names and volumes follow from. A
// template that was wrong before, when none looked, need not be mended.
func validateStatefulSetUpdate(d, old *appsv1.StatefulSet) field.ErrorList {
	errs := statefulSetSpec(&d.Spec)
	if len(statefulSetTemplate(&old.Spec, nil)) == 0 {
		errs = append(errs, statefulSetTemplate(&d.Spec, &old.Spec)...)
	}
	errs = append(errs, core.AlwaysRestart(&d.Spec.Template, "StatefulSet", template)...)
	same := apivalidation.ValidateImmutableField
	errs = append(errs, same(d.Spec.Selector, old.Spec.Selector, spec.Child("selector"))...)
	errs = append(errs, same(d.Spec.VolumeClaimTemplates, old.Spec.VolumeClaimTemplates, spec.Child("volumeClaimTemplates"))...)
	errs = append(errs, same(d.Spec.ServiceName, old.Spec.ServiceName, spec.Child("serviceName"))...)
	errs = append(errs, same(d.Spec.PodManagementPolicy, old.Spec.PodManagementPolicy, spec.Child("podManagementPolicy"))...)
	return errs
}

func validateStatefulSetStatus(d, old *appsv1.StatefulSet) field.ErrorList {
	s := &d.Status
	errs := core.ReplicaCounts(status, s.ObservedGeneration, "status.readyReplicas", []core.Count{
		{Name: "replicas", N: s.Replicas}, {Name: "readyReplicas", N: s.ReadyReplicas}, {Name: "currentReplicas", N: s.CurrentReplicas},
		{Name: "updatedReplicas", N: s.UpdatedReplicas}, {Name: "availableReplicas", N: s.AvailableReplicas},
	})
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount)...)
}

// collisions only ever become more.
func collisions(count, old *int32) field.ErrorList {
	if count == nil && old == nil {
		return nil
	}
	at := status.Child("collisionCount")
	var n int32
	if count != nil {
		n = *count
	}
	errs := apivalidation.ValidateNonnegativeField(int64(n), at)
	if old != nil && n < *old {
		errs = append(errs, field.Invalid(at, n, "cannot be decremented"))
	}
	return errs
}

package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/api"
	"minke/api/core"
)

func defaultDeployment(d *appsv1.Deployment) {
	s := &d.Spec
	core.DefaultPodTemplate(&s.Template)
	api.FillPointer(&s.Replicas, 1)
	api.Fill(&s.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		api.FillPointer(&s.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		api.FillPointer(&s.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		api.FillPointer(&s.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	api.FillPointer(&s.RevisionHistoryLimit, 10)
	api.FillPointer(&s.ProgressDeadlineSeconds, 600)
}

func defaultReplicaSet(r *appsv1.ReplicaSet) {
	core.DefaultPodTemplate(&r.Spec.Template)
	api.FillPointer(&r.Spec.Replicas, 1)
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	s := &d.Spec
	if _, ok := d.Annotations[appsv1.DeprecatedTemplateGeneration]; !ok {
		setTemplateGeneration(d, 0) // whoever writes a daemon set writes this along with it
	}
	core.DefaultPodTemplate(&s.Template)
	api.Fill(&s.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		api.FillPointer(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		api.FillPointer(&s.UpdateStrategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		api.FillPointer(&s.UpdateStrategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	api.FillPointer(&s.RevisionHistoryLimit, 10)
}

func defaultStatefulSet(d *appsv1.StatefulSet) {
	s := &d.Spec
	core.DefaultPodTemplate(&s.Template)
	api.Fill(&s.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	if s.UpdateStrategy.Type == "" {
		s.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
		api.FillPointer(&s.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
	}
	if r := s.UpdateStrategy.RollingUpdate; r != nil && s.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		api.FillPointer(&r.Partition, 0)
		api.FillPointer(&r.MaxUnavailable, intstr.FromInt32(1))
	}
	api.FillPointer(&s.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	api.Fill(&s.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	api.Fill(&s.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	api.FillPointer(&s.Replicas, 1)
	api.FillPointer(&s.RevisionHistoryLimit, 10)
	for i := range s.VolumeClaimTemplates {
		c := &s.VolumeClaimTemplates[i]
		c.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
		core.DefaultPersistentVolumeClaim(c)
	}
}

package legacy

import (
	"maps"
	"math"

	appsv1 "k8s.io/api/apps/v1"
	appsv1beta1 "k8s.io/api/apps/v1beta1"
	appsv1beta2 "k8s.io/api/apps/v1beta2"
	corev1 "k8s.io/api/core/v1"
	extensionsv1beta1 "k8s.io/api/extensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/api"
)

// selectTemplate makes the template's labels the selector and the object's
// labels where they are missing, as the first versions did.
func selectTemplate(meta *metav1.ObjectMeta, selector **metav1.LabelSelector, t *corev1.PodTemplateSpec) {
	if len(t.Labels) == 0 {
		return
	}
	if *selector == nil {
		*selector = &metav1.LabelSelector{MatchLabels: maps.Clone(t.Labels)}
	}
	if len(meta.Labels) == 0 {
		meta.Labels = maps.Clone(t.Labels)
	}
}

func deployments() []api.Version {
	return []api.Version{
		version[appsv1beta2.Deployment, appsv1beta2.DeploymentList](
			appsv1beta2.SchemeGroupVersion.WithKind("Deployment"), api.Adjust[appsv1beta2.Deployment, appsv1.Deployment]{}),
		version[appsv1beta1.Deployment, appsv1beta1.DeploymentList](
			appsv1beta1.SchemeGroupVersion.WithKind("Deployment"), api.Adjust[appsv1beta1.Deployment, appsv1.Deployment]{
				Fill: func(d *appsv1beta1.Deployment) {
					selectTemplate(&d.ObjectMeta, &d.Spec.Selector, &d.Spec.Template)
					api.FillPointer(&d.Spec.RevisionHistoryLimit, 2)
				},
			}),
		version[extensionsv1beta1.Deployment, extensionsv1beta1.DeploymentList](
			extensionsv1beta1.SchemeGroupVersion.WithKind("Deployment"), api.Adjust[extensionsv1beta1.Deployment, appsv1.Deployment]{Fill: fillExtensionsDeployment}),
	}
}

// fillExtensionsDeployment replaces one pod at a time and keeps everything.
func fillExtensionsDeployment(d *extensionsv1beta1.Deployment) {
	s := &d.Spec
	selectTemplate(&d.ObjectMeta, &s.Selector, &s.Template)
	if s.Strategy.Type == "" || s.Strategy.Type == extensionsv1beta1.RollingUpdateDeploymentStrategyType {
		s.Strategy.Type = extensionsv1beta1.RollingUpdateDeploymentStrategyType
		api.FillPointer(&s.Strategy.RollingUpdate, extensionsv1beta1.RollingUpdateDeployment{})
		api.FillPointer(&s.Strategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		api.FillPointer(&s.Strategy.RollingUpdate.MaxSurge, intstr.FromInt32(1))
	}
	api.FillPointer(&s.RevisionHistoryLimit, math.MaxInt32)
	api.FillPointer(&s.ProgressDeadlineSeconds, math.MaxInt32)
}

func replicaSets() []api.Version {
	return []api.Version{
		version[appsv1beta2.ReplicaSet, appsv1beta2.ReplicaSetList](
			appsv1beta2.SchemeGroupVersion.WithKind("ReplicaSet"), api.Adjust[appsv1beta2.ReplicaSet, appsv1.ReplicaSet]{}),
		version[extensionsv1beta1.ReplicaSet, extensionsv1beta1.ReplicaSetList](
			extensionsv1beta1.SchemeGroupVersion.WithKind("ReplicaSet"), api.Adjust[extensionsv1beta1.ReplicaSet, appsv1.ReplicaSet]{
				Fill: func(r *extensionsv1beta1.ReplicaSet) {
					selectTemplate(&r.ObjectMeta, &r.Spec.Selector, &r.Spec.Template)
				},
			}),
	}
}

func daemonSets() []api.Version {
	return []api.Version{
		version[appsv1beta2.DaemonSet, appsv1beta2.DaemonSetList](
			appsv1beta2.SchemeGroupVersion.WithKind("DaemonSet"), api.Adjust[appsv1beta2.DaemonSet, appsv1.DaemonSet]{}),
		version[extensionsv1beta1.DaemonSet, extensionsv1beta1.DaemonSetList](
			extensionsv1beta1.SchemeGroupVersion.WithKind("DaemonSet"), api.Adjust[extensionsv1beta1.DaemonSet, appsv1.DaemonSet]{
				Fill: func(d *extensionsv1beta1.DaemonSet) {
					selectTemplate(&d.ObjectMeta, &d.Spec.Selector, &d.Spec.Template)
					api.Fill(&d.Spec.UpdateStrategy.Type, extensionsv1beta1.OnDeleteDaemonSetStrategyType)
				},
			}),
	}
}

func statefulSets() []api.Version {
	return []api.Version{
		version[appsv1beta2.StatefulSet, appsv1beta2.StatefulSetList](
			appsv1beta2.SchemeGroupVersion.WithKind("StatefulSet"), api.Adjust[appsv1beta2.StatefulSet, appsv1.StatefulSet]{}),
		version[appsv1beta1.StatefulSet, appsv1beta1.StatefulSetList](
			appsv1beta1.SchemeGroupVersion.WithKind("StatefulSet"), api.Adjust[appsv1beta1.StatefulSet, appsv1.StatefulSet]{
				Fill: func(s *appsv1beta1.StatefulSet) {
					selectTemplate(&s.ObjectMeta, &s.Spec.Selector, &s.Spec.Template)
					api.Fill(&s.Spec.UpdateStrategy.Type, appsv1beta1.OnDeleteStatefulSetStrategyType)
				},
			}),
	}
}

func controllerRevisions() []api.Version {
	return []api.Version{
		version[appsv1beta2.ControllerRevision, appsv1beta2.ControllerRevisionList](
			appsv1beta2.SchemeGroupVersion.WithKind("ControllerRevision"), api.Adjust[appsv1beta2.ControllerRevision, appsv1.ControllerRevision]{}),
		version[appsv1beta1.ControllerRevision, appsv1beta1.ControllerRevisionList](
			appsv1beta1.SchemeGroupVersion.WithKind("ControllerRevision"), api.Adjust[appsv1beta1.ControllerRevision, appsv1.ControllerRevision]{}),
	}
}

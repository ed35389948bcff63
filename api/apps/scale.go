package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// specReplicas is the field that scaling sets, the same for all workloads.
const specReplicas = ".spec.replicas"

func scaleValues(spec *int32, status int32, selector *metav1.LabelSelector) api.ScaleValues {
	v := api.ScaleValues{Status: status}
	if spec != nil {
		v.Spec = *spec
	}
	// A selector that cannot be read was refused by validation.
	if s, err := metav1.LabelSelectorAsSelector(selector); err == nil {
		v.Selector = s.String()
	}
	return v
}

func deploymentScale() *api.Scale[*appsv1.Deployment] {
	return &api.Scale[*appsv1.Deployment]{
		SpecPath: specReplicas,
		Get: func(d *appsv1.Deployment) api.ScaleValues {
			return scaleValues(d.Spec.Replicas, d.Status.Replicas, d.Spec.Selector)
		},
		Set: func(d *appsv1.Deployment, replicas int32) { d.Spec.Replicas = &replicas },
	}
}

func replicaSetScale() *api.Scale[*appsv1.ReplicaSet] {
	return &api.Scale[*appsv1.ReplicaSet]{
		SpecPath: specReplicas,
		Get: func(r *appsv1.ReplicaSet) api.ScaleValues {
			return scaleValues(r.Spec.Replicas, r.Status.Replicas, r.Spec.Selector)
		},
		Set: func(r *appsv1.ReplicaSet, replicas int32) { r.Spec.Replicas = &replicas },
	}
}

func statefulSetScale() *api.Scale[*appsv1.StatefulSet] {
	return &api.Scale[*appsv1.StatefulSet]{
		SpecPath: specReplicas,
		Get: func(s *appsv1.StatefulSet) api.ScaleValues {
			return scaleValues(s.Spec.Replicas, s.Status.Replicas, s.Spec.Selector)
		},
		Set: func(s *appsv1.StatefulSet, replicas int32) { s.Spec.Replicas = &replicas },
	}
}

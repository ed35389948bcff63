package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/api"
)

func replicationControllerScale() *api.Scale[*corev1.ReplicationController] {
	return &api.Scale[*corev1.ReplicationController]{
		SpecPath: ".spec.replicas",
		Get: func(rc *corev1.ReplicationController) api.ScaleValues {
			v := api.ScaleValues{Status: rc.Status.Replicas, Selector: labels.SelectorFromSet(rc.Spec.Selector).String()}
			if rc.Spec.Replicas != nil {
				v.Spec = *rc.Spec.Replicas
			}
			return v
		},
		Set: func(rc *corev1.ReplicationController, replicas int32) { rc.Spec.Replicas = &replicas },
	}
}

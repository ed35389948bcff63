package apps

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "k8s.io/api/apps/v1"

	"minke/api/core"
)

var template = field.NewPath("spec", "template")

func deploymentWarnings(d, old *appsv1.Deployment) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	return core.PodTemplateWarnings(&d.Spec.Template, template)
}

func daemonSetWarnings(d, old *appsv1.DaemonSet) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	return core.PodTemplateWarnings(&d.Spec.Template, template)
}

func statefulSetWarnings(d, old *appsv1.StatefulSet) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	return core.PodTemplateWarnings(&d.Spec.Template, template)
}

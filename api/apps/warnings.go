package apps

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "k8s.io/api/apps/v1"

	"minke/api/core"
)

var template = field.NewPath("spec", "template")

func deploymentWarnings(d, old *appsv1.Deployment) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	var out []string
	if bad := validation.IsDNS1123Label(d.Name); old == nil && len(bad) > 0 {
		out = append(out, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", bad))
	}
	return append(out, core.PodTemplateWarnings(&d.Spec.Template, template)...)
}

func daemonSetWarnings(d, old *appsv1.DaemonSet) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	return core.PodTemplateWarnings(&d.Spec.Template, template)
}

func replicaSetWarnings(r, old *appsv1.ReplicaSet) []string {
	if old != nil && old.Generation == r.Generation {
		return nil
	}
	return core.PodTemplateWarnings(&r.Spec.Template, template)
}

func statefulSetWarnings(d, old *appsv1.StatefulSet) []string {
	if old != nil && old.Generation == d.Generation {
		return nil
	}
	all := core.PodTemplateWarnings(&d.Spec.Template, template)
	for i := range d.Spec.VolumeClaimTemplates {
		// These are the paths that Kubernetes names.
		at := spec.Child("volumeClaimTemplates").Index(i)
		if old != nil {
			at = at.Child("Spec")
		}
		all = append(all, core.ClaimWarnings(&d.Spec.VolumeClaimTemplates[i].Spec, at)...)
	}
	if d.Spec.RevisionHistoryLimit != nil && *d.Spec.RevisionHistoryLimit < 0 {
		all = append(all, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	return all
}

package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"minke/api"
)

func daemonSetCreate(d *appsv1.DaemonSet) {
	d.Status = appsv1.DaemonSetStatus{}
	d.Generation = 1
	setTemplateGeneration(d, 1)
}

func daemonSetUpdate(d, old *appsv1.DaemonSet) {
	d.Status = old.Status
	api.BumpGeneration(d, old, d.Spec, old.Spec)
	n := templateGeneration(old)
	if !equality.Semantic.DeepEqual(d.Spec.Template, old.Spec.Template) {
		n++
	}
	setTemplateGeneration(d, n)
}

// daemonSetStatus lets the status subresource change nothing but the status.
func daemonSetStatus(d, old *appsv1.DaemonSet) {
	d.Spec = old.Spec
	setTemplateGeneration(d, templateGeneration(old)) // which is of the specification
}

// The number of the template, a field before apps/v1, lives on in an annotation
// that the pods' label pod-template-generation is made of.
func templateGeneration(d *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		// A user may have spoilt the annotation: counting begins anew.
		return 1
	}
	return n
}

func setTemplateGeneration(d *appsv1.DaemonSet, n int64) {
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(n, 10)
}

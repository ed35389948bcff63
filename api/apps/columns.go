package apps

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/core"
)

func wanted(replicas *int32) int32 {
	if replicas == nil {
		return 0
	}
	return *replicas
}

func count[T api.Object](name string, value func(T) int32) api.Column[T] {
	return api.Column[T]{Name: name, Type: "integer", Cell: func(o T) any { return int64(value(o)) }}
}

func deploymentColumns() []api.Column[*appsv1.Deployment] {
	columns := []api.Column[*appsv1.Deployment]{
		{Name: "Ready", Cell: func(d *appsv1.Deployment) any {
			return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, wanted(d.Spec.Replicas))
		}},
		{Name: "Up-to-date", Cell: func(d *appsv1.Deployment) any { return int64(d.Status.UpdatedReplicas) }},
		{Name: "Available", Cell: func(d *appsv1.Deployment) any { return int64(d.Status.AvailableReplicas) }},
		api.AgeColumn[*appsv1.Deployment](),
	}
	columns = append(columns, core.TemplateColumns(func(d *appsv1.Deployment) *corev1.PodTemplateSpec { return &d.Spec.Template })...)
	return append(columns, core.SelectorColumn(func(d *appsv1.Deployment) *metav1.LabelSelector { return d.Spec.Selector }))
}

func replicaSetColumns() []api.Column[*appsv1.ReplicaSet] {
	columns := []api.Column[*appsv1.ReplicaSet]{
		count("Desired", func(r *appsv1.ReplicaSet) int32 { return wanted(r.Spec.Replicas) }),
		count("Current", func(r *appsv1.ReplicaSet) int32 { return r.Status.Replicas }),
		count("Ready", func(r *appsv1.ReplicaSet) int32 { return r.Status.ReadyReplicas }),
		api.AgeColumn[*appsv1.ReplicaSet](),
	}
	columns = append(columns, core.TemplateColumns(func(r *appsv1.ReplicaSet) *corev1.PodTemplateSpec { return &r.Spec.Template })...)
	return append(columns, core.SelectorColumn(func(r *appsv1.ReplicaSet) *metav1.LabelSelector { return r.Spec.Selector }))
}

func daemonSetColumns() []api.Column[*appsv1.DaemonSet] {
	columns := []api.Column[*appsv1.DaemonSet]{
		count("Desired", func(d *appsv1.DaemonSet) int32 { return d.Status.DesiredNumberScheduled }),
		count("Current", func(d *appsv1.DaemonSet) int32 { return d.Status.CurrentNumberScheduled }),
		count("Ready", func(d *appsv1.DaemonSet) int32 { return d.Status.NumberReady }),
		count("Up-to-date", func(d *appsv1.DaemonSet) int32 { return d.Status.UpdatedNumberScheduled }),
		count("Available", func(d *appsv1.DaemonSet) int32 { return d.Status.NumberAvailable }),
		{Name: "Node Selector", Cell: func(d *appsv1.DaemonSet) any {
			return api.OrNone(labels.Set(d.Spec.Template.Spec.NodeSelector).String())
		}},
		api.AgeColumn[*appsv1.DaemonSet](),
	}
	columns = append(columns, core.TemplateColumns(func(d *appsv1.DaemonSet) *corev1.PodTemplateSpec { return &d.Spec.Template })...)
	return append(columns, core.SelectorColumn(func(d *appsv1.DaemonSet) *metav1.LabelSelector { return d.Spec.Selector }))
}

func statefulSetColumns() []api.Column[*appsv1.StatefulSet] {
	columns := []api.Column[*appsv1.StatefulSet]{
		{Name: "Ready", Cell: func(s *appsv1.StatefulSet) any {
			return fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, wanted(s.Spec.Replicas))
		}},
		api.AgeColumn[*appsv1.StatefulSet](),
	}
	return append(columns, core.TemplateColumns(func(s *appsv1.StatefulSet) *corev1.PodTemplateSpec { return &s.Spec.Template })...)
}

func controllerRevisionColumns() []api.Column[*appsv1.ControllerRevision] {
	return []api.Column[*appsv1.ControllerRevision]{
		{Name: "Controller", Cell: func(r *appsv1.ControllerRevision) any { return controllerName(r) }},
		{Name: "Revision", Cell: func(r *appsv1.ControllerRevision) any { return r.Revision }},
		api.AgeColumn[*appsv1.ControllerRevision](),
	}
}

// controllerName is the controlling owner in the form statefulset.apps/web.
func controllerName(o metav1.Object) string {
	ref := metav1.GetControllerOf(o)
	if ref == nil {
		return api.None
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		// An owner whose version cannot be read is still shown by name.
		return ref.Kind + "/" + ref.Name
	}
	kind := schema.GroupKind{Group: gv.Group, Kind: ref.Kind}
	return strings.ToLower(kind.String()) + "/" + ref.Name
}

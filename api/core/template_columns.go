package core

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// ContainerNames lists the containers' names, parted by commas.
func ContainerNames(containers []corev1.Container) string {
	names := make([]string, len(containers))
	for i := range containers {
		names[i] = containers[i].Name
	}
	return strings.Join(names, ",")
}

// Images lists the containers' images, parted by commas.
func Images(containers []corev1.Container) string {
	images := make([]string, len(containers))
	for i := range containers {
		images[i] = containers[i].Image
	}
	return strings.Join(images, ",")
}

// TemplateColumns are the wide columns about a workload's containers.
func TemplateColumns[T api.Object](template func(T) *corev1.PodTemplateSpec) []api.Column[T] {
	containers := func(o T) []corev1.Container {
		if t := template(o); t != nil {
			return t.Spec.Containers
		}
		return nil
	}
	return []api.Column[T]{
		{Name: "Containers", Priority: 1, Cell: func(o T) any { return ContainerNames(containers(o)) }},
		{Name: "Images", Priority: 1, Cell: func(o T) any { return Images(containers(o)) }},
	}
}

// SelectorColumn is the wide column with a workload's selector.
func SelectorColumn[T api.Object](selector func(T) *metav1.LabelSelector) api.Column[T] {
	return api.Column[T]{Name: "Selector", Priority: 1, Cell: func(o T) any {
		return metav1.FormatLabelSelector(selector(o))
	}}
}

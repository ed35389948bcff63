package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateEvent(e *corev1.Event) field.ErrorList {
	namespace := e.InvolvedObject.Namespace
	if namespace == "" {
		// What has no namespace has its events in the default one.
		if e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem {
			return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), namespace, "does not match event.namespace")}
		}
		return nil
	}
	if e.Namespace != namespace {
		return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), namespace, "does not match event.namespace")}
	}
	return nil
}

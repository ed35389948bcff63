package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

// namespaceCreate marks the namespace as one whose content must be deleted
// before it may go.
func namespaceCreate(n *corev1.Namespace) {
	n.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

func namespaceUpdate(n, old *corev1.Namespace) {
	n.Spec.Finalizers = old.Spec.Finalizers
	n.Status = old.Status
}

func namespaceStatus(n, old *corev1.Namespace) {
	n.Spec = old.Spec
}

// namespaceFinalize lets its subresource change the finalizers of the
// specification and nothing else.
func namespaceFinalize(n, old *corev1.Namespace) {
	n.Status = old.Status
	api.KeepMetadata(n, old)
}

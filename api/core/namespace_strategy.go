package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// namespaceBeginDelete says that the namespace goes, and how its dependents shall.
func namespaceBeginDelete(n *corev1.Namespace, o *metav1.DeleteOptions) {
	n.Status.Phase = corev1.NamespaceTerminating
	hold := func(finalizer string, policy metav1.DeletionPropagation, orphan bool) {
		has := slices.Contains(n.Finalizers, finalizer)
		wanted := has
		if o.OrphanDependents != nil {
			wanted = *o.OrphanDependents == orphan
		} else if o.PropagationPolicy != nil {
			wanted = *o.PropagationPolicy == policy
		}
		switch {
		case wanted && !has:
			n.Finalizers = append(n.Finalizers, finalizer)
		case has && !wanted:
			n.Finalizers = slices.DeleteFunc(n.Finalizers, func(f string) bool { return f == finalizer })
		}
	}
	hold(metav1.FinalizerOrphanDependents, metav1.DeletePropagationOrphan, true)
	hold(metav1.FinalizerDeleteDependents, metav1.DeletePropagationForeground, false)
}

// namespaceFinalize lets its subresource change the finalizers of the
// specification and nothing else.
func namespaceFinalize(n, old *corev1.Namespace) {
	n.Status = old.Status
	api.KeepMetadata(n, old)
}

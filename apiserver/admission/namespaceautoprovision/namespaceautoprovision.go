// Package namespaceautoprovision makes the namespace of an object that is
// created in one which does not exist.
package namespaceautoprovision

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	Reader Reader
	// Create makes a namespace.
	Create func(context.Context, *corev1.Namespace) error
}

var _ admission.Mutator = (*Plugin)(nil)

// Admit implements admission.Mutator. It runs before NamespaceLifecycle, which
// would refuse.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create || a.DryRun || a.Namespace == "" || !a.Resource.Namespaced {
		return nil
	}
	_, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", a.Namespace)
	if !apierrors.IsNotFound(err) {
		return err
	}
	err = p.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a.Namespace}})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

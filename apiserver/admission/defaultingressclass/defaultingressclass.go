// Package defaultingressclass gives ingresses that name no class the default
// one.
package defaultingressclass

import (
	"context"
	"fmt"
	"iter"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var _ admission.Mutator = (*Plugin)(nil)

// oldAnnotation names the class in the way of before v1.
const oldAnnotation = "kubernetes.io/ingress.class"

// Admit implements admission.Mutator.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	ingress, ok := a.Object.(*networkingv1.Ingress)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	if _, old := ingress.Annotations[oldAnnotation]; old || ingress.Spec.IngressClassName != nil {
		return nil
	}
	all, _, err := p.Reader.Snapshot(networkingv1.SchemeGroupVersion.WithResource("ingressclasses"), "")
	if err != nil {
		return fmt.Errorf("find the default ingress class: %w", err)
	}
	// The newest of several counts.
	var found *networkingv1.IngressClass
	for obj := range all {
		class := obj.(*networkingv1.IngressClass)
		if class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] != "true" {
			continue
		}
		if found == nil || found.CreationTimestamp.Before(&class.CreationTimestamp) ||
			found.CreationTimestamp.Equal(&class.CreationTimestamp) && class.Name < found.Name {
			found = class
		}
	}
	if found != nil {
		name := found.Name
		ingress.Spec.IngressClassName = &name
	}
	return nil
}

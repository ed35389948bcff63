// Package podtopologylabels copies the labels that tell a node's zone and region
// to the pods that are bound to it, where the downward API finds them (KEP-4742).
package podtopologylabels

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var _ admission.Mutator = (*Plugin)(nil)

// Admit implements admission.Mutator.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create {
		return nil
	}
	switch obj := a.Object.(type) {
	case *corev1.Binding:
		if obj.Target.Kind != "" && obj.Target.Kind != "Node" {
			return nil
		}
		return p.label(ctx, obj.Target.Name, &obj.Labels)
	case *corev1.Pod:
		if a.Subresource != "" || obj.Spec.NodeName == "" {
			return nil
		}
		return p.label(ctx, obj.Spec.NodeName, &obj.Labels)
	}
	return nil
}

// label completes labels with those of the node; what is there stays.
func (p *Plugin) label(ctx context.Context, node string, labels *map[string]string) error {
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", node)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	with := map[string]string{}
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		if value, ok := obj.(*corev1.Node).Labels[key]; ok {
			with[key] = value
		}
	}
	if len(with) == 0 {
		return nil
	}
	maps.Copy(with, *labels)
	*labels = with
	return nil
}

// Package nodedeclaredfeatures refuses updates of a running pod that its node does
// not say it can follow (KEP-5328, status.declaredFeatures of nodes).
package nodedeclaredfeatures

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-helpers/nodedeclaredfeatures"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	Reader Reader
	// Version is the cluster's: features that every node of it has are not asked for.
	Version *version.Version
}

var _ admission.Validator = (*Plugin)(nil)

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Operation != admission.Update || a.Subresource != "" && a.Subresource != "resize" || pod.Spec.NodeName == "" {
		return nil
	}
	old, ok := a.Old.(*corev1.Pod)
	if !ok || old.Generation == pod.Generation { // its spec is the same
		return nil
	}
	// Containers that come or go are for validation to refuse.
	if len(old.Spec.InitContainers) != len(pod.Spec.InitContainers) {
		return nil
	}
	if why := p.refuse(ctx, pod, old); why != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, why)
	}
	return nil
}

func (p *Plugin) refuse(ctx context.Context, pod, old *corev1.Pod) error {
	all := nodedeclaredfeatures.DefaultFramework
	needs, err := all.InferForPodUpdate(info(old), info(pod), p.Version)
	if err != nil {
		return fmt.Errorf("failed to infer pod capability requirements: %w", err)
	}
	if needs.IsEmpty() {
		return nil
	}
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("node %q not found", pod.Spec.NodeName)
	}
	if err != nil {
		return fmt.Errorf("failed to get node %q: %w", pod.Spec.NodeName, err)
	}
	match, err := all.MatchNode(needs, obj.(*corev1.Node))
	if err != nil {
		return fmt.Errorf("failed to match pod requirements against node %q: %w", pod.Spec.NodeName, err)
	}
	if !match.IsMatch {
		return fmt.Errorf("pod update requires features %s which are not available on node %q", strings.Join(match.UnsatisfiedRequirements, ", "), pod.Spec.NodeName)
	}
	return nil
}

func info(p *corev1.Pod) *nodedeclaredfeatures.PodInfo {
	return &nodedeclaredfeatures.PodInfo{Spec: &p.Spec, Status: &p.Status}
}

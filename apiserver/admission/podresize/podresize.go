// Package podresize refuses to resize a pod in place beyond what its node could
// ever give, and on nodes that cannot resize (KEP-1287).
package podresize

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/component-helpers/resource"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var _ admission.Validator = (*Plugin)(nil)

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Operation != admission.Update || a.Subresource != "resize" || pod.Spec.NodeName == "" {
		return nil
	}
	if old, ok := a.Old.(*corev1.Pod); ok && old.Generation == pod.Generation {
		return nil
	}
	if why := p.refuse(ctx, pod); why != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, why)
	}
	return nil
}

func (p *Plugin) refuse(ctx context.Context, pod *corev1.Pod) error {
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("node %q not found", pod.Spec.NodeName)
	}
	if err != nil {
		return fmt.Errorf("failed to get node %q: %w", pod.Spec.NodeName, err)
	}
	node := obj.(*corev1.Node)
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	var over []string
	if want, have := requests.Cpu().MilliValue(), node.Status.Allocatable.Cpu().MilliValue(); want > have {
		over = append(over, fmt.Sprintf("cpu, requested: %d, allocatable: %d", want, have))
	}
	if want, have := requests.Memory().Value(), node.Status.Allocatable.Memory().Value(); want > have {
		over = append(over, fmt.Sprintf("memory, requested: %d, allocatable: %d", want, have))
	}
	if len(over) > 0 {
		//lint:ignore ST1005 Kubernetes' words
		return fmt.Errorf("Node didn't have enough allocatable resources: %s", strings.Join(over, "; "))
	}
	if os := node.Labels[corev1.LabelOSStable]; os != "linux" {
		return fmt.Errorf("pod resize is only supported on linux nodes, node %q is %q", node.Name, os)
	}
	return nil
}

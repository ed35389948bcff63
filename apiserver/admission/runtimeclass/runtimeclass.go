// Package runtimeclass adds to a pod what its runtime class needs: overhead,
// node selector and tolerations.
package runtimeclass

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	forbid := func(text string, args ...any) error {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, fmt.Errorf("pod rejected: "+text, args...))
	}
	if pod.Spec.RuntimeClassName == nil {
		if len(pod.Spec.Overhead) > 0 {
			return forbid("Pod Overhead set without corresponding RuntimeClass defined Overhead")
		}
		return nil
	}
	obj, err := p.Reader.Get(ctx, nodev1.SchemeGroupVersion.WithResource("runtimeclasses"), "", *pod.Spec.RuntimeClassName)
	if apierrors.IsNotFound(err) {
		return forbid("RuntimeClass %q not found", *pod.Spec.RuntimeClassName)
	}
	if err != nil {
		return err
	}
	class := obj.(*nodev1.RuntimeClass)
	if class.Overhead != nil {
		if len(pod.Spec.Overhead) > 0 && !equality.Semantic.DeepEqual(pod.Spec.Overhead, class.Overhead.PodFixed) {
			return forbid("Pod's Overhead doesn't match RuntimeClass's defined Overhead")
		}
		pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	} else if len(pod.Spec.Overhead) > 0 {
		return forbid("Pod Overhead set without corresponding RuntimeClass defined Overhead")
	}
	return schedule(pod, class.Scheduling, forbid)
}

func schedule(pod *corev1.Pod, s *nodev1.Scheduling, forbid func(string, ...any) error) error {
	if s == nil {
		return nil
	}
	for key, value := range s.NodeSelector {
		if have, ok := pod.Spec.NodeSelector[key]; ok && have != value {
			return forbid("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, value, key, have)
		}
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = value
	}
next:
	for _, t := range s.Tolerations {
		for _, have := range pod.Spec.Tolerations {
			if equality.Semantic.DeepEqual(have, t) {
				continue next
			}
		}
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, t)
	}
	return nil
}

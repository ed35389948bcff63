// Package podnodeselector keeps the pods of a namespace on the nodes that the
// namespace, or the whole cluster by default, is given.
package podnodeselector

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"minke/apiserver/admission"
)

const (
	// annotation of a namespace names its selector.
	annotation = "scheduler.alpha.kubernetes.io/node-selector"
	// clusterDefault in the configuration is for namespaces without annotation;
	// each other key is a namespace with all that its pods may select.
	clusterDefault = "clusterDefaultNodeSelector"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	Reader Reader
	// selectors are the configuration.
	selectors map[string]labels.Set
}

var (
	_ admission.Mutator   = (*Plugin)(nil)
	_ admission.Validator = (*Plugin)(nil)
)

// New returns the plug-in; config may be empty:
//
//	podNodeSelectorPluginConfig:
//	  clusterDefaultNodeSelector: SELECTOR
//	  NAMESPACE: SELECTOR
func New(reader Reader, config []byte) (*Plugin, error) {
	var read struct {
		Selectors map[string]string `json:"podNodeSelectorPluginConfig"`
	}
	if err := yaml.UnmarshalStrict(config, &read); err != nil {
		return nil, fmt.Errorf("read configuration of PodNodeSelector: %w", err)
	}
	p := &Plugin{Reader: reader, selectors: map[string]labels.Set{}}
	for key, text := range read.Selectors {
		selector, err := labels.ConvertSelectorToLabelsMap(text)
		if err != nil {
			return nil, fmt.Errorf("read configuration of PodNodeSelector: %s: %w", key, err)
		}
		p.selectors[key] = selector
	}
	return p, nil
}

// Admit implements admission.Mutator.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	selector, err := p.agreed(ctx, a, pod)
	if err != nil {
		return err
	}
	pod.Spec.NodeSelector = labels.Merge(selector, pod.Spec.NodeSelector)
	return p.Validate(ctx, a)
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	if _, err := p.agreed(ctx, a, pod); err != nil {
		return err
	}
	allowed := p.selectors[a.Namespace]
	if len(allowed) == 0 {
		return nil
	}
	for key, value := range pod.Spec.NodeSelector {
		if have, ok := allowed[key]; !ok || have != value {
			return refuse(a, "pod node label selector labels conflict with its namespace whitelist")
		}
	}
	return nil
}

func concerned(a *admission.Attributes) *corev1.Pod {
	if a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	pod, _ := a.Object.(*corev1.Pod)
	return pod
}

// agreed returns the namespace's selector if the pod's does not contradict it.
func (p *Plugin) agreed(ctx context.Context, a *admission.Attributes, pod *corev1.Pod) (labels.Set, error) {
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", a.Namespace)
	if err != nil {
		return nil, err
	}
	selector := p.selectors[clusterDefault]
	if text, ok := obj.(*corev1.Namespace).Annotations[annotation]; ok {
		if selector, err = labels.ConvertSelectorToLabelsMap(text); err != nil {
			return nil, refuse(a, fmt.Sprintf("namespace %s: annotation %s: %v", a.Namespace, annotation, err))
		}
	}
	if labels.Conflicts(selector, pod.Spec.NodeSelector) {
		return nil, refuse(a, "pod node label selector conflicts with its namespace node label selector")
	}
	return selector, nil
}

func refuse(a *admission.Attributes, text string) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.New(text))
}

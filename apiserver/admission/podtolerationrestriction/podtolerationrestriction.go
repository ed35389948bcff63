// Package podtolerationrestriction gives the pods of a namespace the tolerations
// that the namespace has by default, and refuses those that it does not list.
package podtolerationrestriction

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"minke/api/core"
	"minke/apiserver/admission"
)

// The annotations of a namespace; each holds a list of tolerations as JSON.
const (
	defaults  = "scheduler.alpha.kubernetes.io/defaultTolerations"
	whitelist = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Configuration is for namespaces without annotations
// (podtolerationrestriction.admission.k8s.io/v1alpha1).
type Configuration struct {
	Kind       string              `json:"kind"`
	APIVersion string              `json:"apiVersion"`
	Default    []corev1.Toleration `json:"default"`
	Whitelist  []corev1.Toleration `json:"whitelist"`
}

// Plugin is the admission plug-in.
type Plugin struct {
	Reader Reader
	config Configuration
}

var (
	_ admission.Mutator   = (*Plugin)(nil)
	_ admission.Validator = (*Plugin)(nil)
)

// New returns the plug-in; config is a Configuration, or empty.
func New(reader Reader, config []byte) (*Plugin, error) {
	p := &Plugin{Reader: reader}
	if err := yaml.UnmarshalStrict(config, &p.config); err != nil {
		return nil, fmt.Errorf("read configuration of PodTolerationRestriction: %w", err)
	}
	return p, nil
}

// Admit implements admission.Mutator.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	if a.Operation == admission.Create {
		add, err := p.listOf(ctx, a, defaults, p.config.Default)
		if err != nil {
			return err
		}
		if core.QOSClass(pod) != corev1.PodQOSBestEffort {
			// Only pods that asked for nothing leave a node short of memory alone.
			add = append(add[:len(add):len(add)], corev1.Toleration{
				Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule,
			})
		}
		if len(add) > 0 {
			pod.Spec.Tolerations = merge(pod.Spec.Tolerations, add)
		}
	}
	return p.Validate(ctx, a)
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil || len(pod.Spec.Tolerations) == 0 {
		return nil
	}
	allowed, err := p.listOf(ctx, a, whitelist, p.config.Whitelist)
	if err != nil || len(allowed) == 0 {
		return err
	}
	for _, t := range pod.Spec.Tolerations {
		if !coveredByAny(allowed, t) {
			return refuse(a, errors.New("pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist"))
		}
	}
	return nil
}

func concerned(a *admission.Attributes) *corev1.Pod {
	if a.Subresource != "" || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	pod, _ := a.Object.(*corev1.Pod)
	return pod
}

// listOf reads a list of the pod's namespace. An empty list of the annotation
// is a list too: it switches the cluster's off.
func (p *Plugin) listOf(ctx context.Context, a *admission.Attributes, annotation string, otherwise []corev1.Toleration) ([]corev1.Toleration, error) {
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", a.Namespace)
	if err != nil {
		return nil, err
	}
	text := obj.(*corev1.Namespace).Annotations[annotation]
	if text == "" {
		return otherwise, nil
	}
	var out []corev1.Toleration
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, refuse(a, fmt.Errorf("namespace %s: annotation %s: %w", a.Namespace, annotation, err))
	}
	return out, nil
}

func refuse(a *admission.Attributes, why error) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, why)
}

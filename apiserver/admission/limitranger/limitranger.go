// Package limitranger applies the LimitRanges of a namespace: it fills in
// requests and limits that containers lack, and refuses what is beyond bounds.
package limitranger

import (
	"context"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/errors"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var (
	_ admission.Mutator   = (*Plugin)(nil)
	_ admission.Validator = (*Plugin)(nil)
)

func (p *Plugin) ranges(namespace string) ([]*corev1.LimitRange, error) {
	all, _, err := p.Reader.Snapshot(corev1.SchemeGroupVersion.WithResource("limitranges"), namespace)
	if err != nil {
		return nil, fmt.Errorf("list limit ranges of %s: %w", namespace, err)
	}
	var out []*corev1.LimitRange
	for obj := range all {
		if r := obj.(*corev1.LimitRange); r.DeletionTimestamp == nil {
			out = append(out, r)
		}
	}
	return out, nil
}

// Admit implements admission.Mutator.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	ranges, err := p.ranges(a.Namespace)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		complete(pod, r)
	}
	return nil
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	if !concerns(a) {
		return nil
	}
	ranges, err := p.ranges(a.Namespace)
	if err != nil {
		return err
	}
	// The first range that refuses says why, with all its reasons.
	for _, r := range ranges {
		var refusals []error
		switch obj := a.Object.(type) {
		case *corev1.Pod:
			refusals = checkPod(obj, r)
		case *corev1.PersistentVolumeClaim:
			refusals = checkClaim(obj, r)
		}
		if len(refusals) > 0 {
			return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.NewAggregate(refusals))
		}
	}
	return nil
}

// concerns tells whether bounds apply: to new pods, to those that are resized,
// and to claims.
func concerns(a *admission.Attributes) bool {
	if a.Old != nil && a.Old.GetDeletionTimestamp() != nil {
		return false
	}
	switch a.Object.(type) {
	case *corev1.Pod:
		return a.Operation == admission.Create && a.Subresource == "" || a.Operation == admission.Update && a.Subresource == "resize"
	case *corev1.PersistentVolumeClaim:
		return a.Subresource == "" && (a.Operation == admission.Create || a.Operation == admission.Update)
	}
	return false
}

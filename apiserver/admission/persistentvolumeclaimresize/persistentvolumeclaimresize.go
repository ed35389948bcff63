// Package persistentvolumeclaimresize lets a volume claim grow only when it is
// bound and its storage class allows volumes to be expanded.
package persistentvolumeclaimresize

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
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

var _ admission.Validator = (*Plugin)(nil)

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	if !ok || a.Operation != admission.Update || a.Subresource != "" {
		return nil
	}
	old, ok := a.Old.(*corev1.PersistentVolumeClaim)
	if !ok || claim.Spec.Resources.Requests.Storage().Cmp(*old.Spec.Resources.Requests.Storage()) <= 0 {
		return nil
	}
	refuse := func(text string) error {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.New(text))
	}
	if old.Status.Phase != corev1.ClaimBound {
		return refuse("Only bound persistent volume claims can be expanded")
	}
	if !p.expandable(ctx, class(old), class(claim)) {
		return refuse("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize")
	}
	return nil
}

func (p *Plugin) expandable(ctx context.Context, before, after string) bool {
	if before == "" || before != after {
		return false
	}
	obj, err := p.Reader.Get(ctx, storagev1.SchemeGroupVersion.WithResource("storageclasses"), "", after)
	if err != nil {
		return false
	}
	allowed := obj.(*storagev1.StorageClass).AllowVolumeExpansion
	return allowed != nil && *allowed
}

// class names the claim's storage class; the annotation is older than the field.
func class(c *corev1.PersistentVolumeClaim) string {
	if name, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return name
	}
	if c.Spec.StorageClassName != nil {
		return *c.Spec.StorageClassName
	}
	return ""
}

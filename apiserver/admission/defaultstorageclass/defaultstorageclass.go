// Package defaultstorageclass gives claims that name no storage class the
// default one.
package defaultstorageclass

import (
	"context"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
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

const (
	isDefault     = "storageclass.kubernetes.io/is-default-class"
	isDefaultBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// Admit implements admission.Mutator.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	if _, old := claim.Annotations[corev1.BetaStorageClassAnnotation]; old || claim.Spec.StorageClassName != nil {
		return nil
	}
	all, _, err := p.Reader.Snapshot(storagev1.SchemeGroupVersion.WithResource("storageclasses"), "")
	if err != nil {
		return fmt.Errorf("find the default storage class: %w", err)
	}
	var found *storagev1.StorageClass
	for obj := range all {
		class := obj.(*storagev1.StorageClass)
		if class.Annotations[isDefault] != "true" && class.Annotations[isDefaultBeta] != "true" {
			continue
		}
		if found == nil || newer(class, found) {
			found = class
		}
	}
	if found != nil {
		name := found.Name
		claim.Spec.StorageClassName = &name
	}
	return nil
}

// newer tells whether a wins over b: the younger one, then by name.
func newer(a, b *storagev1.StorageClass) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	}
	return a.Name < b.Name
}

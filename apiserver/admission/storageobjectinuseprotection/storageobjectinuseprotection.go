// Package storageobjectinuseprotection puts finalizers on volumes, claims and
// volumes' classes of attributes, so that none goes away while it is in use.
package storageobjectinuseprotection

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"minke/apiserver/admission"
)

// The finalizers that the protection controllers take away.
const (
	ClaimFinalizer  = "kubernetes.io/pvc-protection"
	VolumeFinalizer = "kubernetes.io/pv-protection"
	ClassFinalizer  = "kubernetes.io/vac-protection" // KEP-3751
)

// Plugin is the admission plug-in.
type Plugin struct{}

var _ admission.Mutator = Plugin{}

// Admit implements admission.Mutator.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	finalizer := ""
	switch a.Object.(type) {
	case *corev1.PersistentVolumeClaim:
		finalizer = ClaimFinalizer
	case *corev1.PersistentVolume:
		finalizer = VolumeFinalizer
	case *storagev1.VolumeAttributesClass:
		finalizer = ClassFinalizer
	default:
		return nil
	}
	if have := a.Object.GetFinalizers(); !slices.Contains(have, finalizer) {
		a.Object.SetFinalizers(append(have, finalizer))
	}
	return nil
}

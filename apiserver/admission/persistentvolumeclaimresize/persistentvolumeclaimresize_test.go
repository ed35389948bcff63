package persistentvolumeclaimresize

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestGrowth(t *testing.T) {
	yes := true
	stored := admissiontest.Of(
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "grows"}, AllowVolumeExpansion: &yes},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "stays"}})
	claim := func(class, size string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "c"}, Status: corev1.PersistentVolumeClaimStatus{Phase: phase}}
		if class != "" {
			c.Spec.StorageClassName = &class
		}
		c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
		return c
	}
	for _, c := range []struct {
		name, class, size string
		phase             corev1.PersistentVolumeClaimPhase
		allowed           bool
	}{
		{"grows", "grows", "2Gi", corev1.ClaimBound, true},
		{"the same", "stays", "1Gi", corev1.ClaimBound, true},
		{"smaller", "stays", "1Mi", corev1.ClaimBound, true},
		{"class forbids", "stays", "2Gi", corev1.ClaimBound, false},
		{"no class", "", "2Gi", corev1.ClaimBound, false},
		{"class is gone", "gone", "2Gi", corev1.ClaimBound, false},
		{"not bound", "grows", "2Gi", corev1.ClaimPending, false},
	} {
		a := admissiontest.Write(admission.Update, claim(c.class, c.size, c.phase), claim(c.class, "1Gi", c.phase))
		if err := admissiontest.Run(&Plugin{Reader: stored}, a); c.allowed != (err == nil) || !c.allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
	}
}

package storageobjectinuseprotection

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	for _, c := range []struct {
		obj  api.Object
		want []string
	}{
		{&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "c"}}, []string{ClaimFinalizer}},
		{&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v", Finalizers: []string{"x"}}}, []string{"x", VolumeFinalizer}},
		{&storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}}, []string{ClassFinalizer}},
		{&storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: "c", Finalizers: []string{ClassFinalizer, "x"}}}, []string{ClassFinalizer, "x"}},
		{&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}}, nil},
		{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}}, nil},
	} {
		if err := admissiontest.Run(Plugin{}, admissiontest.Create(c.obj)); err != nil || !slices.Equal(c.obj.GetFinalizers(), c.want) {
			t.Errorf("%T: %v (%v), want %v", c.obj, c.obj.GetFinalizers(), err, c.want)
		}
	}
}

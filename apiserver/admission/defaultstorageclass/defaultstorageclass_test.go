package defaultstorageclass

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	class := func(name string, age time.Duration, annotation string) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{isDefault: annotation}, CreationTimestamp: metav1.NewTime(time.Unix(1000, 0).Add(-age))}}
	}
	objs := admissiontest.Of(class("old", time.Hour, "true"), class("new", 0, "true"), class("newest", -time.Hour, "false"))
	own := ""
	for _, c := range []struct {
		have *string
		want string
	}{{nil, "new"}, {&own, ""}} {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "c"}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: c.have}}
		if err := admissiontest.Run(&Plugin{Reader: objs}, admissiontest.Create(claim)); err != nil || *claim.Spec.StorageClassName != c.want {
			t.Errorf("class %v (%v), want %q", claim.Spec.StorageClassName, err, c.want)
		}
	}
}

package always

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestAlways(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}}
	if err := admissiontest.Run(Admit{}, admissiontest.Create(pod)); err != nil {
		t.Errorf("AlwaysAdmit: %v", err)
	}
	if err := admissiontest.Run(Deny{}, admissiontest.Create(pod)); !apierrors.IsForbidden(err) {
		t.Errorf("AlwaysDeny: %v, want Forbidden", err)
	}
}

package namespaceexists

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestNamespaceMustExist(t *testing.T) {
	p := &Plugin{Reader: admissiontest.Of(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "here"}})}
	for namespace, there := range map[string]bool{"here": true, "nowhere": false, "": true} {
		a := admissiontest.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "c"}})
		if err := admissiontest.Run(p, a); there != (err == nil) || !there && !apierrors.IsNotFound(err) {
			t.Errorf("%q: %v, want allowed %v", namespace, err, there)
		}
	}
}

package namespacelifecycle

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	namespace := func(name string, phase corev1.NamespacePhase) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NamespaceStatus{Phase: phase}}
	}
	pod := func(namespace string) api.Object {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
	}
	p := &Plugin{Reader: admissiontest.Of(namespace("y", "Active"), namespace("ending", "Terminating"))}
	for _, c := range []struct {
		name     string
		op       admission.Operation
		obj, old api.Object
		want     string
	}{
		{"in one that lives", admission.Create, pod("y"), nil, ""},
		{"in none", admission.Create, pod("z"), nil, `namespaces "z" not found`},
		{"in one that ends", admission.Create, pod("ending"), nil, `pods "p" is forbidden: unable to create new content in namespace ending because it is being terminated`},
		{"connect in one that ends", admission.Connect, pod("ending"), nil, ""},
		{"connect in none", admission.Connect, pod("z"), nil, `namespaces "z" not found`},
		{"update in one that ends", admission.Update, pod("ending"), pod("ending"), ""},
		{"delete in one that ends", admission.Delete, nil, pod("ending"), ""},
		{"delete one", admission.Delete, nil, namespace("y", ""), ""},
		{"delete default", admission.Delete, nil, namespace("default", ""), `namespaces "default" is forbidden: this namespace may not be deleted`},
		{"delete kube-system", admission.Delete, nil, namespace("kube-system", ""), `namespaces "kube-system" is forbidden: this namespace may not be deleted`},
	} {
		err := admissiontest.Run(p, admissiontest.Write(c.op, c.obj, c.old))
		if got := admissiontest.Outcome(err); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.name == "in one that ends" && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			t.Errorf("%s: %+v has no cause", c.name, err)
		}
	}
}

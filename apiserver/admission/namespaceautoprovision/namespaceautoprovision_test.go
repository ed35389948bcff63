package namespaceautoprovision

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestMissingNamespaceIsMade(t *testing.T) {
	of := func(namespace string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "c"}}
	}
	dry := admissiontest.Create(of("dry"))
	dry.DryRun = true
	for _, c := range []struct {
		name string
		a    *admission.Attributes
		want []string
	}{
		{"missing", admissiontest.Create(of("new")), []string{"new"}},
		{"there", admissiontest.Create(of("here")), nil},
		{"update", admissiontest.Write(admission.Update, of("new"), of("new")), nil},
		{"dry run", dry, nil},
	} {
		var made []string
		p := &Plugin{
			Reader: admissiontest.Of(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "here"}}),
			Create: func(_ context.Context, n *corev1.Namespace) error { made = append(made, n.Name); return nil },
		}
		if err := admissiontest.Run(p, c.a); err != nil || !slices.Equal(made, c.want) {
			t.Errorf("%s: made %v (%v), want %v", c.name, made, err, c.want)
		}
	}
}

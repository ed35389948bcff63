package defaultingressclass

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	class := func(name string, made int64) api.Object {
		return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Unix(made, 0), Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}}}
	}
	for _, c := range []struct {
		name    string
		classes []api.Object
		want    string
	}{
		{"none", nil, ""},
		{"one", []api.Object{class("a", 0)}, "a"},
		{"the newest of two", []api.Object{class("a", 0), class("b", 1)}, "b"},
		{"two as old", []api.Object{class("b", 1), class("a", 1)}, "a"},
	} {
		ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "i"}}
		a := admissiontest.Create(ingress)
		a.Resource.Plural = "ingresses"
		if err := admissiontest.Run(&Plugin{Reader: admissiontest.Of(c.classes...)}, a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if name := ingress.Spec.IngressClassName; (name == nil) != (c.want == "") || name != nil && *name != c.want {
			t.Errorf("%s: class %v, want %q", c.name, name, c.want)
		}
	}
}

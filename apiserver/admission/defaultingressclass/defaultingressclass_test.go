package defaultingressclass

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	class := func(name string) api.Object {
		return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}}}
	}
	for _, c := range []struct {
		name    string
		classes []api.Object
		want    string
		why     string
	}{
		{"none", nil, "", ""},
		{"one", []api.Object{class("a")}, "a", ""},
		{"two", []api.Object{class("a"), class("b")}, "", `ingresses.networking.k8s.io "i" is forbidden: 2 default IngressClasses were found, only 1 allowed`},
	} {
		ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "i"}}
		a := admissiontest.Create(ingress)
		a.Resource.Plural = "ingresses"
		got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: admissiontest.Of(c.classes...)}, a))
		if got != c.why {
			t.Errorf("%s: %q, want %q", c.name, got, c.why)
		}
		if name := ingress.Spec.IngressClassName; (name == nil) != (c.want == "") || name != nil && *name != c.want {
			t.Errorf("%s: class %v, want %q", c.name, name, c.want)
		}
	}
}

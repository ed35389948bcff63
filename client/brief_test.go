package client

import (
	"reflect"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestReduced(t *testing.T) {
	custom := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"much": "text"}}}
	definition := &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com"}}
	for _, obj := range []Object{custom, definition} {
		obj.SetName("a")
		obj.SetUID("u")
		obj.SetResourceVersion("7")
		obj.SetLabels(map[string]string{"app": "x"})
		obj.SetFinalizers([]string{"example.com/f"})
		obj.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "o"}})
	}
	identity := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "a", UID: "u", ResourceVersion: "7", Finalizers: []string{"example.com/f"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "o"}},
	}}
	of := func(r APIResource) (key viewKey) {
		for _, option := range r.Identities() {
			option(&key)
		}
		return key
	}
	for _, c := range []struct {
		name string
		key  viewKey
		obj  Object
		want Object
	}{
		{"all of a custom resource", viewKey{}, custom, custom},
		{"a custom resource's identity", of(APIResource{}), custom, identity},
		{"all of a bulky object", viewKey{}, definition, definition},
		{"a bulky object's identity", of(APIResource{Bulky: true}), definition, identity},
		{"the identity of what is kept anyway", of(APIResource{}), definition, definition},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (&view{key: c.key}).reduced(c.obj); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

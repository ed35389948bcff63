package catalog

import (
	"reflect"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/preview"
)

// KindName returns the name of a kind's Go type, such as "v1.Pod", as errors about
// bodies show it; empty for a kind that is not known where beside is served:
// definitions of custom resources and of API servers have servers of their own in
// Kubernetes, which know no others.
func KindName(named, beside schema.GroupVersionKind) string {
	known := knownTypes()
	obj, err := known.New(named)
	if err != nil {
		return ""
	}
	if ofAny, _ := known.IsUnversioned(obj); !ofAny && apart(named.Group) != apart(beside.Group) {
		return ""
	}
	return reflect.TypeOf(obj).Elem().String()
}

// knownTypes are made when somebody first names a wrong kind.
var knownTypes = sync.OnceValue(func() *runtime.Scheme {
	s := Scheme()
	for _, versions := range preview.Offered() {
		for _, v := range versions {
			if !s.Recognizes(v.Kind) {
				s.AddKnownTypeWithName(v.Kind, v.New())
				metav1.AddToGroupVersion(s, v.Kind.GroupVersion())
			}
		}
	}
	return s
})

// apart returns the group if it has a server of its own, or nothing.
func apart(group string) string {
	if group == "apiextensions.k8s.io" || group == "apiregistration.k8s.io" {
		return group
	}
	return ""
}

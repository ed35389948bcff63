package api

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// New returns an empty S; Definition.New of most resources.
func New[S any]() *S { return new(S) }

// NewList returns an empty list S; Definition.NewList of most resources.
func NewList[S any, P interface {
	*S
	runtime.Object
}]() runtime.Object {
	return P(new(S))
}

// BumpGeneration gives obj the generation after old's when its specification
// differs from old's, and old's otherwise.
func BumpGeneration(obj, old Object, spec, oldSpec any) {
	obj.SetGeneration(old.GetGeneration())
	if !equality.Semantic.DeepEqual(spec, oldSpec) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// Fill sets *field to value when it is empty; the form of most defaults.
func Fill[V comparable](field *V, value V) {
	var empty V
	if *field == empty {
		*field = value
	}
}

// FillPointer sets *field to a pointer to value when it is nil.
func FillPointer[V any](field **V, value V) {
	if *field == nil {
		filled := value // a copy, so that nothing is allocated when nothing is filled
		*field = &filled
	}
}

// KeepMetadata takes back changes to the metadata that users write; for
// subresources that are about something else.
func KeepMetadata(obj, old Object) {
	obj.SetLabels(old.GetLabels())
	obj.SetAnnotations(old.GetAnnotations())
	obj.SetOwnerReferences(old.GetOwnerReferences())
	obj.SetFinalizers(old.GetFinalizers())
}

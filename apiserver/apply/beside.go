package apply

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// Entries reads and writes the managedFields of objects without a Go type, as
// their own methods do, which go by way of reflection.
type Entries struct {
	Get func(*unstructured.Unstructured) []metav1.ManagedFieldsEntry
	Set func(*unstructured.Unstructured, []metav1.ManagedFieldsEntry)
}

// beside is an object without a Go type whose managedFields stand beside it while
// the field manager works on it. Nobody changes an entry in place.
type beside struct {
	*unstructured.Unstructured
	entries []metav1.ManagedFieldsEntry
}

func (b *beside) GetManagedFields() []metav1.ManagedFieldsEntry { return b.entries }

func (b *beside) SetManagedFields(entries []metav1.ManagedFieldsEntry) { b.entries = entries }

// DeepCopyObject implements runtime.Object.
func (b *beside) DeepCopyObject() runtime.Object {
	return &beside{b.Unstructured.DeepCopy(), b.entries}
}

// copied returns a copy of obj for the field manager.
func (m *Manager) copied(obj runtime.Object) runtime.Object {
	u, ok := obj.(*unstructured.Unstructured)
	metadata, has := map[string]any(nil), false
	if ok {
		metadata, has = u.Object["metadata"].(map[string]any)
	}
	if !has || m.entries.Get == nil {
		return obj.DeepCopyObject()
	}
	b := &beside{Unstructured: u}
	if _, given := metadata["managedFields"]; given {
		b.entries = m.entries.Get(u)
		metadata = maps.Clone(metadata)
		delete(metadata, "managedFields")
		b.Unstructured = &unstructured.Unstructured{Object: maps.Clone(u.Object)}
		b.Object["metadata"] = metadata
	}
	b.Unstructured = b.DeepCopy()
	return b
}

// whole returns what the field manager made, its managedFields in it again.
func (m *Manager) whole(obj runtime.Object) runtime.Object {
	b, ok := obj.(*beside)
	if !ok {
		return obj
	}
	m.entries.Set(b.Unstructured, b.entries)
	return b.Unstructured
}

// bare returns obj without what stands beside it.
func bare(obj runtime.Object) runtime.Object {
	if b, ok := obj.(*beside); ok {
		return b.Unstructured
	}
	return obj
}

// besides is a type converter of objects without a Go type.
type besides struct{ managedfields.TypeConverter }

// ObjectToTyped implements managedfields.TypeConverter.
func (c besides) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	return c.TypeConverter.ObjectToTyped(bare(obj), options...)
}

// TypedToObject implements managedfields.TypeConverter.
func (c besides) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	obj, err := c.TypeConverter.TypedToObject(value)
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return &beside{Unstructured: u}, err
	}
	return obj, err
}

package client

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// IdentityOnly is for informers of whoever asks what objects are, whom they
// belong to and whether they go, and nothing else. Objects that are not kept decoded
// anywhere else, which are those without a Go type and bulky ones, are reduced to that.
func IdentityOnly() InformerOption {
	return func(k *viewKey) { k.identity = true }
}

// reduced returns obj as the view keeps it.
func (v *view) reduced(obj Object) Object {
	if _, untyped := obj.(*unstructured.Unstructured); !v.key.identity || !untyped && !v.key.bulky {
		return obj
	}
	// Copies, since each string holds on to the whole text that it is cut from.
	// The four that all objects have are pieces of one.
	name, namespace, uid, version := obj.GetName(), obj.GetNamespace(), string(obj.GetUID()), obj.GetResourceVersion()
	all := name + namespace + uid + version
	next := func(n int) string {
		piece := all[:n]
		all = all[n:]
		return piece
	}
	m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: next(len(name)), Namespace: next(len(namespace)), UID: types.UID(next(len(uid))), ResourceVersion: next(len(version)),
		DeletionTimestamp: obj.GetDeletionTimestamp(),
	}}
	for _, f := range obj.GetFinalizers() {
		m.Finalizers = append(m.Finalizers, strings.Clone(f))
	}
	m.OwnerReferences = slices.Clone(obj.GetOwnerReferences())
	for i := range m.OwnerReferences {
		o := &m.OwnerReferences[i]
		o.APIVersion, o.Kind, o.Name = strings.Clone(o.APIVersion), strings.Clone(o.Kind), strings.Clone(o.Name)
		o.UID = types.UID(strings.Clone(string(o.UID)))
	}
	return m
}

package customresource

import (
	"reflect"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"minke/api/cel"
)

// Declaration describes a custom kind's objects to those who check expressions
// about them, under a name; nil if the kind is not served or cannot be described.
func (m *Manager) Declaration(kind schema.GroupVersionKind, name string) *cel.Declaration {
	of := m.schemasOf(kind)
	if of == nil {
		return nil
	}
	c, err := of.of(kind.Version)
	if err != nil {
		return nil
	}
	d := model.SchemaDeclType(c.structural, true)
	if d == nil || d.Fields == nil {
		return nil
	}
	metadata := cel.DeclarationOf("metadata", reflect.TypeFor[metav1.ObjectMeta]())
	d.Fields["metadata"] = apiservercel.NewDeclField("metadata", metadata, true, nil, nil)
	return d.MaybeAssignTypeName(name)
}

func (m *Manager) schemasOf(kind schema.GroupVersionKind) *schemas {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.served {
		for _, r := range s.resources {
			if r.Kind == kind {
				return s.schemas
			}
		}
	}
	return nil
}

package apiserver

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/cel"
)

// ResourceOf returns the resource that stores objects of a kind, custom
// resources included; nil if the kind is not served or not stored.
func (s *Server) ResourceOf(kind schema.GroupVersionKind) *api.Resource {
	for _, e := range s.routes.Load().endpoints {
		if e.kind == kind && e.cache != nil {
			return e.Resource
		}
	}
	return nil
}

// KindOf returns the kind of a resource's objects.
func (s *Server) KindOf(resource schema.GroupVersionResource) (kind schema.GroupVersionKind, ok bool) {
	e := s.routes.Load().endpoints[resource]
	if e == nil {
		return schema.GroupVersionKind{}, false
	}
	return e.kind, true
}

// Declaration describes a built-in kind's objects to those who check expressions
// about them, under a name; nil if there is no such kind.
func (s *Server) Declaration(kind schema.GroupVersionKind, name string) *cel.Declaration {
	for _, e := range s.routes.Load().endpoints {
		if e.kind == kind && e.use == nil {
			return cel.DeclarationOf(name, reflect.TypeOf(e.empty()))
		}
	}
	return nil
}

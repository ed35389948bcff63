package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
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

// KindOf returns the kind of a built-in resource's objects, and an empty one.
func (s *Server) KindOf(resource schema.GroupVersionResource) (kind schema.GroupVersionKind, empty runtime.Object, ok bool) {
	e := s.routes.Load().endpoints[resource]
	if e == nil || e.use != nil {
		return schema.GroupVersionKind{}, nil, false
	}
	return e.kind, e.empty(), true
}

// ObjectOf returns an empty object of a built-in kind; nil if there is none.
func (s *Server) ObjectOf(kind schema.GroupVersionKind) runtime.Object {
	for _, e := range s.routes.Load().endpoints {
		if e.kind == kind && e.use == nil {
			return e.empty()
		}
	}
	return nil
}

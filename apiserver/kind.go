package apiserver

import (
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

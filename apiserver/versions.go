package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/codec"
)

// versions shows admission the objects of a write in other versions.
type versions struct {
	*endpoint
	server *Server
}

var _ admission.Versions = versions{}

// Others implements admission.Versions. A subresource of another kind, such as
// a Scale, has that kind in all versions.
func (v versions) Others(but admission.Version, subresource string) []admission.Version {
	var out []admission.Version
	add := func(kind schema.GroupVersionKind) {
		other := admission.Version{Resource: kind.GroupVersion().WithResource(v.Plural), Kind: kind}
		if but.Kind.Kind != v.endpoint.kind.Kind {
			other.Kind = but.Kind
		}
		if other.Resource != but.Resource {
			out = append(out, other)
		}
	}
	if v.use == nil {
		add(v.Resource.Kind)
		for i := range v.Also {
			add(v.Also[i].Kind)
		}
		return out
	}
	for _, e := range v.server.routes.Load().custom[v.group] {
		if e.Broken == nil {
			add(e.Resource.Kind)
		}
	}
	return out
}

// sibling returns a custom resource's endpoint in a version.
func (v versions) sibling(kind schema.GroupVersionKind) (*endpoint, error) {
	for _, e := range v.server.routes.Load().custom[v.group] {
		if e.Resource.Kind == kind {
			return e, nil
		}
	}
	return nil, fmt.Errorf("convert %s to %s: it is not served", v.Resource.Kind, kind)
}

// Export implements admission.Versions.
func (v versions) Export(ctx context.Context, obj runtime.Object, to schema.GroupVersionKind) (runtime.Object, error) {
	from := obj.GetObjectKind().GroupVersionKind()
	if from == to || from.GroupKind() != v.Resource.Kind.GroupKind() {
		return obj, nil
	}
	if v.use == nil {
		return v.convert(obj, to.GroupVersion())
	}
	other, err := v.sibling(to)
	if err != nil {
		return nil, err
	}
	return other.inVersion(ctx, obj.(api.Object))
}

// Import implements admission.Versions.
func (v versions) Import(ctx context.Context, data []byte, from schema.GroupVersionKind) (api.Object, error) {
	e, err := v.at(from)
	if err != nil {
		return nil, err
	}
	obj := e.empty()
	if _, err := codec.Unmarshal(data, obj, from, codec.Ignore); err != nil {
		return nil, err
	}
	if e.Conform != nil {
		if _, err := e.Conform(obj.(api.Object)); err != nil {
			return nil, err
		}
	}
	own, err := e.imported(obj)
	if err != nil || e.Resource == v.Resource {
		return own, err
	}
	return v.inVersion(ctx, own)
}

// at returns the resource's endpoint in a version.
func (v versions) at(kind schema.GroupVersionKind) (*endpoint, error) {
	if kind != v.Resource.Kind && v.use != nil {
		return v.sibling(kind)
	}
	at := *v.endpoint
	at.version, at.kind = nil, kind
	for i := range v.Also {
		if v.Also[i].Kind == kind {
			at.version = &v.Also[i]
		}
	}
	if at.version == nil && kind != v.Resource.Kind {
		return nil, fmt.Errorf("convert %s to %s: it is not served", kind, v.Resource.Kind)
	}
	return &at, nil
}

// inVersion returns a custom resource's object, of any of its versions, in the
// endpoint's own. obj is not changed.
func (e *endpoint) inVersion(ctx context.Context, obj api.Object) (api.Object, error) {
	if e.Convert != nil {
		return e.convertOne(ctx, e.Resource.Kind.Version, obj)
	}
	out := obj.DeepCopyObject().(api.Object)
	out.GetObjectKind().SetGroupVersionKind(e.Resource.Kind)
	return out, nil
}

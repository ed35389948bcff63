package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// Version is a resource in one of the versions in which it is served, and the
// kind that a request to it carries.
type Version struct {
	Resource schema.GroupVersionResource
	Kind     schema.GroupVersionKind
}

// Versions knows in which versions a resource is served, and converts.
type Versions interface {
	// Others lists the versions besides the one given, for a subresource if it
	// is not "".
	Others(but Version, subresource string) []Version
	// Export returns obj in a version. obj is not changed; the result may be obj
	// itself and is not changed either.
	Export(ctx context.Context, obj runtime.Object, to schema.GroupVersionKind) (runtime.Object, error)
	// Import makes an object of Attributes.Resource of a JSON text in some
	// version: fields that its schema does not know are dropped, defaults are
	// filled in.
	Import(ctx context.Context, data []byte, from schema.GroupVersionKind) (api.Object, error)
}

// Shown returns the new and the old state in a version. Either may be nil; both
// may be shared and are not to be changed. What cannot be converted is an
// InternalError.
func (a *Attributes) Shown(ctx context.Context, v Version) (obj, old runtime.Object, err error) {
	if a.Connect != nil {
		return a.Connect, nil, nil
	}
	if a.Object != nil {
		if obj, err = a.export(ctx, a.Object, v); err != nil {
			return nil, nil, err
		}
	}
	if a.Old != nil {
		if old, err = a.export(ctx, a.Old, v); err != nil {
			return nil, nil, err
		}
	}
	return obj, old, nil
}

func (a *Attributes) export(ctx context.Context, obj api.Object, v Version) (runtime.Object, error) {
	if a.Versions == nil || obj.GetObjectKind().GroupVersionKind() == v.Kind {
		return obj, nil
	}
	out, err := a.Versions.Export(ctx, obj, v.Kind)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	return out, nil
}

// Replace makes the JSON text of an object in a version the new state. Errors
// are plain: whoever wrote the text is to blame.
func (a *Attributes) Replace(ctx context.Context, v Version, data []byte) error {
	if a.Object == nil {
		return fmt.Errorf("replace %s: there is no object that can be changed", v.Kind.Kind)
	}
	if a.Versions != nil && (v.Kind == a.Resource.Kind || v.Kind != a.Object.GetObjectKind().GroupVersionKind()) {
		obj, err := a.Versions.Import(ctx, data, v.Kind)
		if err == nil {
			a.Object = obj
		}
		return err
	}
	// An Eviction, a Scale: it has one version.
	obj := reflect.New(reflect.TypeOf(a.Object).Elem()).Interface().(api.Object)
	if err := json.Unmarshal(data, obj); err != nil {
		return err
	}
	a.Object = obj
	return nil
}

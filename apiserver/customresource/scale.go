package customresource

import (
	"fmt"
	"math"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

// scalePaths are the fields of a custom resource that its Scale shows.
type scalePaths struct {
	specPath               string
	paths                  map[string]string // of all versions
	spec, status, selector []string
}

// newScalePaths returns nil when the version has no scale subresource.
func newScalePaths(crd *apiextensionsv1.CustomResourceDefinition, sub *apiextensionsv1.CustomResourceSubresources) *scalePaths {
	if sub == nil || sub.Scale == nil {
		return nil
	}
	s := &scalePaths{specPath: sub.Scale.SpecReplicasPath, spec: dotted(sub.Scale.SpecReplicasPath), status: dotted(sub.Scale.StatusReplicasPath)}
	s.paths = map[string]string{}
	for i := range crd.Spec.Versions {
		path := ""
		if of := crd.Spec.Versions[i].Subresources; of != nil && of.Scale != nil {
			path = of.Scale.SpecReplicasPath
		}
		s.paths[crd.Spec.Group+"/"+crd.Spec.Versions[i].Name] = path
	}
	if path := sub.Scale.LabelSelectorPath; path != nil && *path != "" {
		s.selector = dotted(*path)
	}
	return s
}

// scale maps the object to a Scale and back.
func (s *scalePaths) scale() *api.Scale[api.Object] {
	if s == nil {
		return nil
	}
	return &api.Scale[api.Object]{
		SpecPath: s.specPath, Paths: s.paths,
		Get: func(obj api.Object) api.ScaleValues {
			fields := content(obj)
			_, set := at(fields, s.spec)
			values := api.ScaleValues{Spec: number(fields, s.spec), Status: number(fields, s.status), Unset: !set}
			if s.selector != nil {
				selector, _ := at(fields, s.selector)
				values.Selector, _ = selector.(string)
			}
			return values
		},
		Set: func(obj api.Object, replicas int32) {
			// It fails only where the schema let something else than an object
			// stand on the way; validation then says so.
			_ = unstructured.SetNestedField(content(obj), int64(replicas), s.spec...)
		},
	}
}

// dotted splits ".spec.replicas".
func dotted(path string) []string { return strings.Split(strings.TrimPrefix(path, "."), ".") }

// at returns the value at a path of names.
func at(fields map[string]any, path []string) (any, bool) {
	var value any = fields
	for _, name := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = m[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

func number(fields map[string]any, path []string) int32 {
	value, _ := at(fields, path)
	n, _ := value.(int64)
	return int32(n)
}

// content returns the object's fields.
func content(obj api.Object) map[string]any { return obj.(*unstructured.Unstructured).Object }

// validate checks the fields that the Scale is about.
func (s *scalePaths) validate(now map[string]any) field.ErrorList {
	if s == nil {
		return nil
	}
	return append(replicas(now, s.spec), s.validateStatus(now)...)
}

// validateStatus checks those of the status, and the selector.
func (s *scalePaths) validateStatus(now map[string]any) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := replicas(now, s.status)
	if s.selector != nil {
		if _, _, err := unstructured.NestedString(now, s.selector...); err != nil {
			errs = append(errs, field.Invalid(written(s.selector), "", err.Error()))
		}
	}
	return errs
}

// replicas checks a number of replicas, if there is one at the path.
func replicas(now map[string]any, path []string) field.ErrorList {
	switch n, _, err := unstructured.NestedInt64(now, path...); {
	case err != nil:
		return field.ErrorList{field.Invalid(written(path), 0, err.Error())}
	case n < 0:
		return field.ErrorList{field.Invalid(written(path), n, "should be a non-negative integer")}
	case n > math.MaxInt32:
		return field.ErrorList{field.Invalid(written(path), n, fmt.Sprintf("should be less than or equal to %v", math.MaxInt32))}
	}
	return nil
}

// written is a path as definitions write it, by which Kubernetes names the field.
func written(path []string) *field.Path { return field.NewPath("." + strings.Join(path, ".")) }

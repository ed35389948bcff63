package apiextensions

import (
	"fmt"
	"maps"
	"slices"

	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// warnings are about formats that nobody checks, and sets that do not merge. What a
// definition had before, old, is not warned of again; old is nil for a new one.
func warnings(crd, old *definition) []string {
	formats, sets := warned(crd)
	if old != nil {
		oldFormats, oldSets := warned(old)
		formats = slices.DeleteFunc(formats, func(w string) bool { return slices.Contains(oldFormats, w) })
		sets = slices.DeleteFunc(sets, func(w string) bool { return slices.Contains(oldSets, w) })
	}
	return append(formats, sets...)
}

func warned(crd *definition) (formats, sets []string) {
	now, err := internalOf(crd)
	if err != nil {
		return nil, nil // which validation refuses
	}
	version, seen := environment.DefaultCompatibilityVersion(), map[string]bool{}
	anySchema(&now.Spec, func(s *schemaProps) bool {
		if s.Format != "" {
			of := &spec.Schema{SchemaProps: spec.SchemaProps{Format: s.Format, Type: []string{s.Type}}}
			for _, unknown := range schemavalidation.GetUnrecognizedFormats(of, version) {
				formats = append(formats, fmt.Sprintf("unrecognized format %q", unknown))
			}
		}
		if s.XListType != nil && *s.XListType == "set" && s.Items != nil && s.Items.Schema != nil {
			if kind := s.Items.Schema.Type; kind == "object" || kind == "array" {
				seen[fmt.Sprintf("x-kubernetes-list-type: set for items of type %q is not supported by server-side apply or CEL validation rules", kind)] = true
			}
		}
		return false
	})
	slices.Sort(formats)
	return formats, slices.Sorted(maps.Keys(seen))
}

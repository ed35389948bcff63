package apiextensions

import (
	"reflect"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/clientconfig"
)

// leniency is what a definition may keep of what older releases took: rules that have
// come since do not hold for one that broke them before. Its answers are worked out
// when something would be refused.
type leniency struct {
	old, now *internal // nil when a definition is created
	stored   storedRules
}

func newLeniency(old, now *internal) leniency {
	return leniency{old: old, now: now, stored: newStoredRules(&old.Spec)}
}

// any tells whether a schema, or one within, of the definition as it was is so.
func (l leniency) any(so func(*schemaProps) bool) bool {
	return l.old != nil && anySchema(&l.old.Spec, so)
}

func (l leniency) unknownTypes() bool {
	return l.any(func(s *schemaProps) bool { return s.Type != "" && !slices.Contains(types, s.Type) })
}

func (l leniency) granularSets() bool {
	return l.any(func(s *schemaProps) bool { return len(setItems(s, nil)) > 0 })
}

func (l leniency) vagueKeys() bool {
	return l.any(func(s *schemaProps) bool { return len(listKeys(s, field.NewPath(""))) > 0 })
}

// unpruned tells that defaults had fields that the schema does not know.
func (l leniency) unpruned() bool {
	for _, s := range l.schemas() {
		structural, err := structuralschema.NewStructural(s)
		if err != nil || len(structuralschema.ValidateStructural(nil, structural)) > 0 {
			continue
		}
		pruned := structural.DeepCopy()
		if err := defaulting.PruneDefaults(pruned); err == nil && !reflect.DeepEqual(structural, pruned) {
			return true
		}
	}
	return false
}

// shapeless tells that a schema was not structural (KEP-1693).
func (l leniency) shapeless() bool {
	return slices.ContainsFunc(l.schemas(), func(s *schemaProps) bool {
		structural, err := structuralschema.NewStructural(s)
		return err != nil || len(structuralschema.ValidateStructural(nil, structural)) > 0
	})
}

// schemaless tells that a version had no schema.
func (l leniency) schemaless() bool {
	if l.old == nil || l.old.Spec.Validation != nil && l.old.Spec.Validation.OpenAPIV3Schema != nil {
		return false
	}
	return slices.ContainsFunc(l.old.Spec.Versions, func(v apiextensions.CustomResourceDefinitionVersion) bool {
		return v.Schema == nil || v.Schema.OpenAPIV3Schema == nil
	})
}

// badBundle tells whether a conversion may have a caBundle without certificates: until
// the definition is established, which it is not with one, many tools leave a
// placeholder for what others fill in, and what was stored may stay.
func (l leniency) badBundle() bool {
	if l.old == nil || !apiextensions.IsCRDConditionTrue(l.old, apiextensions.Established) {
		return true
	}
	c := l.old.Spec.Conversion
	return c != nil && c.WebhookClientConfig != nil && badBundle(c.WebhookClientConfig.CABundle)
}

// unknownReviews tells that the webhook spoke no version that this server does.
func (l leniency) unknownReviews() bool {
	if l.old == nil || l.old.Spec.Conversion == nil {
		return false
	}
	versions := l.old.Spec.Conversion.ConversionReviewVersions
	return len(versions) > 0 && !slices.ContainsFunc(versions, clientconfig.KnownReviewVersion)
}

// manyFields tells that a version, or all of them when version is empty, had the same
// selectable fields, too many.
func (l leniency) manyFields(version string) bool {
	of := func(crd *internal) []apiextensions.SelectableField {
		if version == "" {
			return crd.Spec.SelectableFields
		}
		for i := range crd.Spec.Versions {
			if crd.Spec.Versions[i].Name == version {
				return crd.Spec.Versions[i].SelectableFields
			}
		}
		return nil
	}
	return l.old != nil && len(of(l.old)) > maxSelectable && equality.Semantic.DeepEqual(of(l.old), of(l.now))
}

// unchanged tells whether the version had the very schema: the cost of its rules was
// accepted.
func (l leniency) unchanged(version string) bool {
	if l.old == nil {
		return false
	}
	now, err := apiextensions.GetSchemaForVersion(l.now, version)
	if err != nil {
		return false
	}
	before, err := apiextensions.GetSchemaForVersion(l.old, version)
	return err == nil && equality.Semantic.DeepEqual(now, before)
}

func (l leniency) schemas() []*schemaProps {
	if l.old == nil {
		return nil
	}
	return schemasOf(&l.old.Spec)
}

// schemasOf returns the schema that all versions have, or that of each.
func schemasOf(spec *internalSpec) (out []*schemaProps) {
	if v := spec.Validation; v != nil && v.OpenAPIV3Schema != nil {
		out = append(out, v.OpenAPIV3Schema)
	}
	for i := range spec.Versions {
		if v := spec.Versions[i].Schema; v != nil && v.OpenAPIV3Schema != nil {
			out = append(out, v.OpenAPIV3Schema)
		}
	}
	return out
}

func anySchema(spec *internalSpec, so func(*schemaProps) bool) bool {
	return slices.ContainsFunc(schemasOf(spec), func(s *schemaProps) bool { return within(s, so) })
}

// within tells whether a schema, or one within, is so.
func within(s *schemaProps, so func(*schemaProps) bool) bool {
	if s == nil {
		return false
	}
	if so(s) {
		return true
	}
	if s.Items != nil && (within(s.Items.Schema, so) || anyOf(s.Items.JSONSchemas, so)) {
		return true
	}
	if anyOf(s.AllOf, so) || anyOf(s.AnyOf, so) || anyOf(s.OneOf, so) || within(s.Not, so) {
		return true
	}
	for _, named := range []map[string]schemaProps{s.Properties, s.PatternProperties, s.Definitions} {
		for name := range named {
			if inner := named[name]; within(&inner, so) {
				return true
			}
		}
	}
	for _, or := range []*apiextensions.JSONSchemaPropsOrBool{s.AdditionalProperties, s.AdditionalItems} {
		if or != nil && within(or.Schema, so) {
			return true
		}
	}
	for _, d := range s.Dependencies {
		if within(d.Schema, so) {
			return true
		}
	}
	return false
}

func anyOf(all []schemaProps, so func(*schemaProps) bool) bool {
	for i := range all {
		if within(&all[i], so) {
			return true
		}
	}
	return false
}

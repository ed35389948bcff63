package apiextensions

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type schemaProps = apiextensions.JSONSchemaProps

// atRoot are the keywords that the root of a schema may have when the status is
// a subresource, whose schema is taken out of it.
var atRoot = []string{"Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength",
	"MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties", "ExternalDocs", "Example",
	"XPreserveUnknownFields", "XValidations"}

// rootForm checks the root of a schema.
func rootForm(s *schemaProps, status bool, path *field.Path) errorList {
	var errs errorList
	if status {
		errs = append(errs, rootKeywords(s, path)...)
	}
	if s.Nullable {
		errs = append(errs, field.Forbidden(path.Child("nullable"), "nullable cannot be true at the root"))
	}
	return errs
}

func rootKeywords(s *schemaProps, path *field.Path) errorList {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch {
		case v.Field(i).IsZero():
		case name == "Type":
			if s.Type != "object" {
				return errorList{field.Invalid(path.Child("type"), s.Type, `only "object" is allowed as the type at the root of the schema if the status subresource is enabled`)}
			}
		case !slices.Contains(atRoot, name):
			return errorList{field.Invalid(path, *s, fmt.Sprintf("only %v fields are allowed at the root of the schema if the status subresource is enabled", atRoot))}
		}
	}
	return nil
}

// place is where a schema stands within the whole.
type place struct {
	root, inMeta bool
	// noDefault says why there may be no default; empty when there may.
	noDefault string
	// uncorrelated is the list or map above whose items have no identity; nil if none.
	uncorrelated *field.Path
	// cel is nil where rules are not compiled.
	cel *celPlace
}

// uncorrelate returns the place with what is at path above it, unless there was
// something before.
func (in place) uncorrelate(path *field.Path) place {
	if in.uncorrelated == nil {
		in.uncorrelated = path
	}
	return in
}

// found are what is wrong in a schema: in its keywords, and in its rules, which are
// only looked at where the keywords are right.
type found struct{ form, rules errorList }

func (f *found) add(g found) {
	f.form, f.rules = append(f.form, g.form...), append(f.rules, g.rules...)
}

// form checks the keywords of a schema and of those within it.
func (c *schemaCheck) form(s *schemaProps, in place, path *field.Path) found {
	var all found
	if s == nil {
		return all
	}
	all.form = c.keywords(s, in, path)
	if s.UniqueItems {
		all.form = append(all.form, field.Forbidden(path.Child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
	}
	c.formWithin(&all, s, in, path)
	all.form = append(all.form, mapForm(s, path)...)
	all.form = append(all.form, c.listForm(s, path)...)
	rules := path.Child("x-kubernetes-validations")
	for i := range s.XValidations {
		all.form = append(all.form, ruleForm(s, i, rules.Index(i))...)
	}
	if len(s.XValidations) > 0 && len(all.form) == 0 && in.cel != nil {
		all.rules = append(all.rules, c.compile(in.cel, in.uncorrelated, path)...)
	}
	return all
}

// formWithin checks the schemas within s.
func (c *schemaCheck) formWithin(all *found, s *schemaProps, in place, path *field.Path) {
	within := in
	within.root, within.cel = false, nil
	if a := s.AdditionalProperties; a != nil {
		if len(s.Properties) > 0 && (!a.Allows || a.Schema != nil) {
			all.form = append(all.form, field.Forbidden(path.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
		}
		values := within
		if in.inMeta {
			values.noDefault = "inside additionalProperties applying to object metadata"
		}
		values.cel = in.cel.values(a.Schema)
		all.add(c.form(a.Schema, values, path.Child("additionalProperties")))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p, property := s.Properties[name], within
		if !cel.MapIsCorrelatable(s.XMapType) {
			property = property.uncorrelate(path)
		}
		if (in.root || s.XEmbeddedResource) && slices.Contains([]string{"metadata", "apiVersion", "kind"}, name) {
			property.inMeta = true
			if in.root {
				property.noDefault = "in top-level " + name
			}
		}
		property.cel = in.cel.property(name, &p)
		all.add(c.form(&p, property, path.Child("properties").Key(name)))
	}
	all.add(c.form(s.Not, within, path.Child("not")))
	for _, list := range []struct {
		name string
		all  []schemaProps
	}{{"allOf", s.AllOf}, {"oneOf", s.OneOf}, {"anyOf", s.AnyOf}} {
		for i := range list.all {
			all.add(c.form(&list.all[i], within, path.Child(list.name).Index(i)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Definitions)) {
		d := s.Definitions[name]
		all.add(c.form(&d, within, path.Child("definitions").Key(name)))
	}
	if s.Items != nil {
		item := within
		if s.XListType == nil || *s.XListType != "map" {
			item = item.uncorrelate(path)
		}
		item.cel = in.cel.items(s.Items.Schema)
		all.add(c.form(s.Items.Schema, item, path.Child("items")))
		item.cel = nil // no such schema is structural
		for i := range s.Items.JSONSchemas {
			all.add(c.form(&s.Items.JSONSchemas[i], item, path.Child("items").Index(i)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		all.add(c.form(s.Dependencies[name].Schema, within, path.Child("dependencies").Key(name)))
	}
}

// types are those of OpenAPI.
var types = []string{"array", "boolean", "integer", "number", "object", "string"}

// keywords refuses those that cannot be part of a structural schema.
func (c *schemaCheck) keywords(s *schemaProps, in place, path *field.Path) errorList {
	var errs errorList
	if s.Type != "" && !slices.Contains(types, s.Type) && !c.lenient.unknownTypes() {
		errs = append(errs, field.NotSupported(path.Child("type"), s.Type, types))
	}
	if s.Default != nil && in.noDefault != "" {
		errs = append(errs, field.Forbidden(path.Child("default"), "must not be set "+in.noDefault))
	}
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"id", s.ID != ""}, {"additionalItems", s.AdditionalItems != nil}, {"patternProperties", len(s.PatternProperties) > 0},
		{"definitions", len(s.Definitions) > 0}, {"dependencies", s.Dependencies != nil}, {"$ref", s.Ref != nil},
	} {
		if k.set {
			errs = append(errs, field.Forbidden(path.Child(k.name), k.name+" is not supported"))
		}
	}
	if s.Type == "null" {
		errs = append(errs, field.Forbidden(path.Child("type"), "type cannot be set to null, use nullable as an alternative"))
	}
	if s.Items != nil && len(s.Items.JSONSchemas) > 0 {
		errs = append(errs, field.Forbidden(path.Child("items"), "items must be a schema object and not an array"))
	}
	if in.inMeta && s.XEmbeddedResource {
		errs = append(errs, field.Forbidden(path.Child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"))
	}
	return errs
}

// ofType requires the type that another keyword is for.
func ofType(s *schemaProps, want, keyword string, path *field.Path) errorList {
	message := "must be " + want + " if " + keyword + " is specified"
	switch s.Type {
	case want:
		return nil
	case "":
		return errorList{field.Required(path.Child("type"), message)}
	}
	return errorList{field.Invalid(path.Child("type"), s.Type, message)}
}

func mapForm(s *schemaProps, path *field.Path) errorList {
	var errs errorList
	if p := s.XPreserveUnknownFields; p != nil && !*p {
		errs = append(errs, field.Invalid(path.Child("x-kubernetes-preserve-unknown-fields"), *p, "must be true or undefined"))
	}
	if s.XMapType == nil {
		return errs
	}
	errs = append(errs, ofType(s, "object", "x-kubernetes-map-type", path)...)
	if kinds := []string{"atomic", "granular"}; !slices.Contains(kinds, *s.XMapType) {
		errs = append(errs, field.NotSupported(path.Child("x-kubernetes-map-type"), *s.XMapType, kinds))
	}
	return errs
}

func (c *schemaCheck) listForm(s *schemaProps, path *field.Path) errorList {
	at, keys := path.Child("x-kubernetes-list-type"), path.Child("x-kubernetes-list-map-keys")
	if s.XListType == nil {
		if len(s.XListMapKeys) > 0 {
			return errorList{field.Required(at, "must be map if x-kubernetes-list-map-keys is non-empty")}
		}
		return nil
	}
	errs := ofType(s, "array", "x-kubernetes-list-type", path)
	kind := *s.XListType
	if problems := setItems(s, path); len(errs) == 0 && len(problems) > 0 && !c.lenient.granularSets() {
		errs = append(errs, problems...)
	}
	if kinds := []string{"atomic", "set", "map"}; !slices.Contains(kinds, kind) {
		errs = append(errs, field.NotSupported(at, kind, kinds))
	}
	if kind != "map" && len(s.XListMapKeys) > 0 {
		errs = append(errs, field.Invalid(at, kind, "must be map if x-kubernetes-list-map-keys is non-empty"))
	}
	if kind == "map" {
		if len(s.XListMapKeys) == 0 {
			errs = append(errs, field.Required(keys, "must not be empty if x-kubernetes-list-type is map"))
		}
		errs = append(errs, mapItems(s, path.Child("items"), keys)...)
	}
	if problems := listKeys(s, path); len(problems) > 0 && !c.lenient.vagueKeys() {
		errs = append(errs, problems...)
	}
	return errs
}

// setItems wants the items of a set, which are compared as a whole, to be atomic.
func setItems(s *schemaProps, path *field.Path) errorList {
	if s.XListType == nil || *s.XListType != "set" || s.Items == nil || s.Items.Schema == nil {
		return nil
	}
	const message = "must be atomic as item of a list with x-kubernetes-list-type=set"
	switch item, items := s.Items.Schema, path.Child("items"); {
	case item.Type == "array" && item.XListType != nil && *item.XListType != "atomic":
		return errorList{field.Invalid(items.Child("x-kubernetes-list-type"), item.XListType, message)}
	case item.Type == "object" && (item.XMapType == nil || *item.XMapType != "atomic"):
		return errorList{field.Invalid(items.Child("x-kubernetes-map-type"), item.XListType, message)}
	}
	return nil
}

// mapItems are told apart by properties of theirs.
func mapItems(s *schemaProps, items, keys *field.Path) errorList {
	switch {
	case s.Items == nil:
		return errorList{field.Required(items, "must have a schema if x-kubernetes-list-type is map")}
	case s.Items.Schema == nil:
		return errorList{field.Invalid(items, s.Items, "must only have a single schema if x-kubernetes-list-type is map")}
	case s.Items.Schema.Type != "object":
		return errorList{field.Invalid(items.Child("type"), s.Items.Schema.Type, "must be object if parent array's x-kubernetes-list-type is map")}
	}
	var errs errorList
	for i, k := range s.XListMapKeys {
		switch p, ok := s.Items.Schema.Properties[k]; {
		case !ok:
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "entries must all be names of item properties"))
		case p.Type == "array" || p.Type == "object":
			errs = append(errs, field.Invalid(items.Child("properties").Key(k).Child("type"), s.Items.Schema.Type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
		}
		if slices.Contains(s.XListMapKeys[:i], k) {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "must not contain duplicate entries"))
		}
	}
	return errs
}

// listKeys wants the items of sets and maps to be there, and the keys of maps to have
// values.
func listKeys(s *schemaProps, path *field.Path) errorList {
	if s.XListType == nil || *s.XListType != "set" && *s.XListType != "map" || s.Items == nil || s.Items.Schema == nil {
		return nil
	}
	var errs errorList
	item, items := s.Items.Schema, path.Child("items")
	if item.Nullable {
		errs = append(errs, field.Forbidden(items.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is "+*s.XListType))
	}
	if *s.XListType == "set" {
		return errs
	}
	for _, k := range s.XListMapKeys {
		p, ok := item.Properties[k]
		if !ok {
			continue // which mapItems says
		}
		at := items.Child("properties").Key(k)
		if !slices.Contains(item.Required, k) && p.Default == nil {
			errs = append(errs, field.Required(at.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
		}
		if p.Nullable {
			errs = append(errs, field.Forbidden(at.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
		}
	}
	return errs
}

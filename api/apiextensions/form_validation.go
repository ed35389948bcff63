package apiextensions

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type schemaProps = apiextensionsv1.JSONSchemaProps

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
}

// form checks the keywords of a schema and of those within it.
func form(s *schemaProps, in place, path *field.Path) errorList {
	if s == nil {
		return nil
	}
	errs := keywords(s, in, path)
	if s.UniqueItems {
		errs = append(errs, field.Forbidden(path.Child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
	}
	within := in
	within.root = false
	if a := s.AdditionalProperties; a != nil {
		if len(s.Properties) > 0 && (!a.Allows || a.Schema != nil) {
			errs = append(errs, field.Forbidden(path.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
		}
		values := within
		if in.inMeta {
			values.noDefault = "inside additionalProperties applying to object metadata"
		}
		errs = append(errs, form(a.Schema, values, path.Child("additionalProperties"))...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p, property := s.Properties[name], within
		if (in.root || s.XEmbeddedResource) && slices.Contains([]string{"metadata", "apiVersion", "kind"}, name) {
			property.inMeta = true
			if in.root {
				property.noDefault = "in top-level " + name
			}
		}
		errs = append(errs, form(&p, property, path.Child("properties").Key(name))...)
	}
	errs = append(errs, form(s.Not, within, path.Child("not"))...)
	for _, list := range []struct {
		name string
		all  []schemaProps
	}{{"allOf", s.AllOf}, {"oneOf", s.OneOf}, {"anyOf", s.AnyOf}} {
		for i := range list.all {
			errs = append(errs, form(&list.all[i], within, path.Child(list.name).Index(i))...)
		}
	}
	if s.Items != nil {
		errs = append(errs, form(s.Items.Schema, within, path.Child("items"))...)
	}
	errs = append(errs, mapForm(s, path)...)
	return append(errs, listForm(s, path)...)
}

// types are those of OpenAPI.
var types = []string{"array", "boolean", "integer", "number", "object", "string"}

// keywords refuses those that cannot be part of a structural schema.
func keywords(s *schemaProps, in place, path *field.Path) errorList {
	var errs errorList
	if s.Type != "" && !slices.Contains(types, s.Type) {
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

func listForm(s *schemaProps, path *field.Path) errorList {
	at, keys := path.Child("x-kubernetes-list-type"), path.Child("x-kubernetes-list-map-keys")
	if s.XListType == nil {
		if len(s.XListMapKeys) > 0 {
			return errorList{field.Required(at, "must be map if x-kubernetes-list-map-keys is non-empty")}
		}
		return nil
	}
	errs := ofType(s, "array", "x-kubernetes-list-type", path)
	kind := *s.XListType
	if len(errs) == 0 && kind == "set" && s.Items != nil && s.Items.Schema != nil {
		errs = append(errs, setItems(s.Items.Schema, path.Child("items"))...)
	}
	if kinds := []string{"atomic", "set", "map"}; !slices.Contains(kinds, kind) {
		errs = append(errs, field.NotSupported(at, kind, kinds))
	}
	if kind != "map" {
		if len(s.XListMapKeys) > 0 {
			errs = append(errs, field.Invalid(at, kind, "must be map if x-kubernetes-list-map-keys is non-empty"))
		}
		return errs
	}
	if len(s.XListMapKeys) == 0 {
		errs = append(errs, field.Required(keys, "must not be empty if x-kubernetes-list-type is map"))
	}
	return append(errs, mapItems(s, path.Child("items"), keys)...)
}

// setItems are compared as a whole.
func setItems(s *schemaProps, path *field.Path) errorList {
	const message = "must be atomic as item of a list with x-kubernetes-list-type=set"
	switch {
	case s.Type == "array" && s.XListType != nil && *s.XListType != "atomic":
		return errorList{field.Invalid(path.Child("x-kubernetes-list-type"), s.XListType, message)}
	case s.Type == "object" && (s.XMapType == nil || *s.XMapType != "atomic"):
		return errorList{field.Invalid(path.Child("x-kubernetes-map-type"), s.XListType, message)}
	}
	return nil
}

// mapItems are told apart by properties of theirs. That these exist is checked
// where it is that they have a value.
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
		if p, ok := s.Items.Schema.Properties[k]; ok && (p.Type == "array" || p.Type == "object") {
			errs = append(errs, field.Invalid(items.Child("properties").Key(k).Child("type"), s.Items.Schema.Type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
		}
		if slices.Contains(s.XListMapKeys[:i], k) {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "must not contain duplicate entries"))
		}
	}
	return errs
}

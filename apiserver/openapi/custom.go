package openapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func (b *build) schemaOf(m model) object {
	if m.custom.Empty() {
		return b.schema(m.goType)
	}
	return object{"$ref": b.link(b.defineCustom(m))}
}

// defineCustom defines a kind by its custom schema and returns its name.
func (b *build) defineCustom(m model) string {
	name := customName(m.custom)
	if _, ok := b.defined[name]; !ok {
		b.defined[name] = object{}
		def, ok := b.customSchema(m.custom)
		if !ok { // kubectl would refuse all but the properties that are told
			def = object{"type": "object"}
		} else {
			b.addTypeMeta(def)
			b.embed(def)
		}
		b.selectable(def, m.custom)
		b.defined[name] = def
		b.markName(name, m.custom)
	}
	if !m.list {
		return name
	}
	list := name + "List"
	if _, ok := b.defined[list]; !ok {
		kind := m.custom
		kind.Kind += "List"
		def := object{"type": "object", "description": kind.Kind + " is a list of " + m.custom.Kind, "required": []string{"items"}, "properties": object{
			"apiVersion": b.typeMeta("apiVersion"), "kind": b.typeMeta("kind"),
			"metadata": b.described(reflect.TypeFor[metav1.ListMeta](), metav1.PartialObjectMetadataList{}.SwaggerDoc()["metadata"]),
			"items": object{"type": "array", "items": object{"$ref": b.link(name)},
				"description": "List of " + m.plural + ". More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"},
		}}
		b.selectable(def, m.custom)
		b.defined[list] = def
		b.markName(list, kind)
	}
	return list
}

// selectable tells of the fields by which objects of the kind are selected (KEP-4358).
func (b *build) selectable(def object, kind schema.GroupVersionKind) {
	fields := b.custom[kind].Selectable
	if len(fields) == 0 {
		return
	}
	paths := make([]object, len(fields))
	for i, path := range fields {
		paths[i] = object{"fieldPath": path}
	}
	def["x-kubernetes-selectable-fields"] = paths
}

// customSchema returns the schema of a custom kind. It tells false if nothing can
// be said in this flavour of what its objects hold.
func (b *build) customSchema(kind schema.GroupVersionKind) (object, bool) {
	def := object{}
	if raw := b.rawSchema(kind); len(raw) == 0 || json.Unmarshal(raw, &def) != nil {
		return nil, false
	}
	if b.flavour != v2 {
		return unfold(def), true
	}
	if def[preserveUnknown] == true {
		return nil, false
	}
	return toV2(def), true
}

const (
	preserveUnknown  = "x-kubernetes-preserve-unknown-fields"
	embeddedResource = "x-kubernetes-embedded-resource"
	intOrString      = "x-kubernetes-int-or-string"
)

// embeddedTexts are what Kubernetes says of an embedded resource's fields.
var embeddedTexts = map[string]string{
	"apiVersion": "apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
	"kind":       "kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
}

// addTypeMeta tells what every object has.
func (b *build) addTypeMeta(def object) {
	properties, _ := def["properties"].(object)
	if properties == nil {
		properties = object{}
		def["properties"] = properties
	}
	properties["apiVersion"], properties["kind"] = b.typeMeta("apiVersion"), b.typeMeta("kind")
	properties["metadata"] = b.described(objectMeta, metav1.PartialObjectMetadata{}.SwaggerDoc()["metadata"])
}

func (b *build) typeMeta(field string) object {
	return object{"type": "string", "description": metav1.TypeMeta{}.SwaggerDoc()[field]}
}

// described refers to a type, with a text of its own. In v3 nothing may stand
// beside a reference.
func (b *build) described(t reflect.Type, text string) object {
	def := b.ref(t)
	if b.flavour == v3 {
		def = object{"allOf": []object{def}}
	}
	def["description"] = text
	return def
}

// embed tells of the resources that are embedded in a schema what they have as
// objects.
func (b *build) embed(def object) {
	properties, _ := def["properties"].(object)
	for _, p := range properties {
		if p, ok := p.(object); ok {
			b.embed(p)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := def[key].(object); ok {
			b.embed(inner)
		}
	}
	if def[embeddedResource] != true || b.flavour == v2 && def[preserveUnknown] == true {
		return
	}
	if properties == nil {
		properties = object{}
		def["properties"] = properties
	}
	required, _ := def["required"].([]any)
	for _, field := range []string{"kind", "apiVersion"} {
		properties[field] = object{"type": "string", "description": embeddedTexts[field]}
		if !slices.Contains(required, any(field)) {
			required = append(required, field)
		}
	}
	def["required"] = required
	properties["metadata"] = b.described(objectMeta, metav1.PartialObjectMetadata{}.SwaggerDoc()["metadata"])
}

// rawSchema returns a custom kind's schema; nil when it has none.
func (b *build) rawSchema(kind schema.GroupVersionKind) json.RawMessage {
	custom, ok := b.custom[kind]
	if !ok {
		return nil
	}
	raw, err := custom.Make()
	if err != nil {
		return nil // the kind is then any object
	}
	return raw
}

// customName is com.example.v1.Widget for Widget in example.com/v1.
func customName(k schema.GroupVersionKind) string {
	parts := strings.Split(k.Group, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(append(parts, k.Version, k.Kind), ".")
}

// toV2 leaves out of a schema what OpenAPI v2 does not know, and what makes old clients
// refuse objects: they take values of a type for not null, and fields that are not told
// of for unknown.
func toV2(in object) object {
	nullable, preserve := in["nullable"] == true, in[preserveUnknown] == true
	out := object{}
	for k, v := range in {
		switch k {
		case "oneOf", "anyOf", "not", "nullable", "allOf", "default":
			continue
		case "properties", "items":
			if nullable || preserve {
				continue
			}
		}
		out[k] = keyword(k, v, toV2)
	}
	if kind := out["type"]; nullable || kind == "array" && out["items"] == nil || kind == "object" && preserve {
		delete(out, "type")
	}
	required, _ := out["required"].([]any)
	properties, _ := in["properties"].(object)
	required = slices.DeleteFunc(slices.Clone(required), func(name any) bool {
		text, _ := name.(string)
		p, _ := properties[text].(object)
		return p["nullable"] == true
	})
	if values, _ := in["additionalProperties"].(object); len(required) == 0 || values["nullable"] == true {
		delete(out, "required")
	} else {
		out["required"] = required
	}
	return out
}

// unfold tells of values that are an integer or a string that they are, for those who
// do not know the extension.
func unfold(in object) object {
	out := object{}
	for k, v := range in {
		out[k] = keyword(k, v, unfold)
	}
	if in[intOrString] != true {
		return out
	}
	either := []any{object{"type": "integer"}, object{"type": "string"}}
	all, _ := in["allOf"].([]any)
	first := object{}
	if len(all) > 0 {
		first, _ = all[0].(object)
	}
	switch {
	case reflect.DeepEqual(in["anyOf"], either), reflect.DeepEqual(first["anyOf"], either):
	case in["anyOf"] == nil:
		out["anyOf"] = either
	default:
		out["allOf"] = append([]any{object{"anyOf": either}}, all...)
	}
	return out
}

// keyword returns the value of a keyword with what change makes of the schemas in it, but
// for those that only validate.
func keyword(name string, v any, change func(object) object) any {
	inner, ok := v.(object)
	switch {
	case !ok:
	case name == "items", name == "additionalProperties":
		return change(inner)
	case name == "properties":
		fields := object{}
		for field, f := range inner {
			if f, ok := f.(object); ok {
				fields[field] = change(f)
			}
		}
		return fields
	}
	return v
}

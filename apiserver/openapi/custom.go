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
		if selectable := b.custom[m.custom].Selectable; len(selectable) > 0 {
			paths := make([]object, len(selectable))
			for i, path := range selectable {
				paths[i] = object{"fieldPath": path}
			}
			def["x-kubernetes-selectable-fields"] = paths
		}
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
		b.defined[list] = object{"type": "object", "description": kind.Kind + " is a list of " + m.custom.Kind, "required": []string{"items"}, "properties": object{
			"apiVersion": b.typeMeta("apiVersion"), "kind": b.typeMeta("kind"),
			"metadata": b.described(reflect.TypeFor[metav1.ListMeta](), metav1.PartialObjectMetadataList{}.SwaggerDoc()["metadata"]),
			"items": object{"type": "array", "items": object{"$ref": b.link(name)},
				"description": "List of " + m.plural + ". More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"},
		}}
		b.markName(list, kind)
	}
	return list
}

// customSchema returns the schema of a custom kind. It tells false if nothing can
// be said in this flavour of what its objects hold.
func (b *build) customSchema(kind schema.GroupVersionKind) (object, bool) {
	def := object{}
	if raw := b.rawSchema(kind); len(raw) == 0 || json.Unmarshal(raw, &def) != nil {
		return nil, false
	}
	if b.flavour != v2 {
		return def, true
	}
	if def[preserveUnknown] == true {
		return nil, false
	}
	return toV2(def), true
}

const (
	preserveUnknown  = "x-kubernetes-preserve-unknown-fields"
	embeddedResource = "x-kubernetes-embedded-resource"
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

// toV2 leaves out of a schema what OpenAPI v2 does not know.
func toV2(in object) object {
	if in["x-kubernetes-preserve-unknown-fields"] == true || in["x-kubernetes-int-or-string"] == true {
		// Old clients would refuse what they do not know: let all pass.
		out := object{"x-kubernetes-preserve-unknown-fields": true}
		if d, ok := in["description"]; ok {
			out["description"] = d
		}
		return out
	}
	out := object{}
	for k, v := range in {
		switch k {
		case "oneOf", "anyOf", "not", "nullable", "allOf", "default":
			continue
		case "properties":
			fields := object{}
			for name, f := range v.(object) {
				if f, ok := f.(object); ok {
					fields[name] = toV2(f)
				}
			}
			out[k] = fields
		case "items", "additionalProperties":
			if f, ok := v.(object); ok {
				v = toV2(f)
			}
			out[k] = v
		default:
			out[k] = v
		}
	}
	return out
}

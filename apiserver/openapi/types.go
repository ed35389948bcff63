package openapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// object is a JSON object.
type object = map[string]any

// flavour is the version of OpenAPI that is written.
type flavour int

const (
	v2 flavour = 2
	v3 flavour = 3
)

// types collects the definitions of Go types that a document refers to.
type types struct {
	flavour flavour
	// defined has the schemas by model name.
	defined map[string]object
	facts   facts
}

func newTypes(f flavour) *types {
	return &types{flavour: f, defined: map[string]object{}, facts: loadFacts()}
}

// What the published types tell about themselves.
type (
	named      interface{ OpenAPIModelName() string }
	documented interface{ SwaggerDoc() map[string]string }
	typed      interface {
		OpenAPISchemaType() []string
		OpenAPISchemaFormat() string
	}
	oneOf interface{ OpenAPIV3OneOfTypes() []string }
)

// modelName is the name of a struct type's definition.
func modelName(t reflect.Type) string {
	if n, ok := reflect.Zero(t).Interface().(named); ok {
		return n.OpenAPIModelName()
	}
	// k8s.io/api/core/v1 Pod is io.k8s.api.core.v1.Pod.
	host, rest, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(host, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(rest, "/", ".") + "." + t.Name()
}

func (ts *types) link(name string) string {
	if ts.flavour == v2 {
		return "#/definitions/" + name
	}
	return "#/components/schemas/" + name
}

// ref defines a struct type and returns a reference to it.
func (ts *types) ref(t reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := modelName(t)
	if _, ok := ts.defined[name]; !ok {
		// The empty entry ends recursion.
		ts.defined[name] = object{}
		ts.defined[name] = ts.define(t)
	}
	return object{"$ref": ts.link(name)}
}

var (
	rawExtension  = reflect.TypeFor[runtime.RawExtension]()
	fieldsV1      = reflect.TypeFor[metav1.FieldsV1]()
	byteSlice     = reflect.TypeFor[[]byte]()
	objectMeta    = reflect.TypeFor[metav1.ObjectMeta]()
	deleteOptions = reflect.TypeFor[metav1.DeleteOptions]()
	status        = reflect.TypeFor[metav1.Status]()
	patchType     = reflect.TypeFor[metav1.Patch]()
	watchEvent    = reflect.TypeFor[metav1.WatchEvent]()
)

// schema returns the schema of a value of type t.
func (ts *types) schema(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Pointer:
		return ts.schema(t.Elem())
	case reflect.Struct:
		return ts.ref(t)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int64, reflect.Int, reflect.Uint64, reflect.Uint:
		return object{"type": "integer", "format": "int64"}
	case reflect.Int32, reflect.Int16, reflect.Int8, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		return object{"type": "integer", "format": "int32"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number", "format": "double"}
	case reflect.Slice, reflect.Array:
		if t.ConvertibleTo(byteSlice) && t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "format": "byte"}
		}
		return object{"type": "array", "items": ts.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": ts.schema(t.Elem())}
	}
	return object{"type": "object"}
}

// docs returns what a type says of itself, under "", and of its fields.
func docs(t reflect.Type) map[string]string {
	if d, ok := reflect.Zero(t).Interface().(documented); ok {
		return d.SwaggerDoc()
	}
	return nil
}

// text is the description that a fact tells, or else what the type says.
func (f fact) text(said string) string {
	if f.doc != nil {
		return *f.doc
	}
	return said
}

// define makes the definition of a struct type.
func (ts *types) define(t reflect.Type) object {
	zero := reflect.Zero(t).Interface()
	out := object{}
	about := ts.facts.of(t)["-"]
	if text := about.text(docs(t)[""]); text != "" {
		out["description"] = text
	}
	about.extend(out)
	if special, ok := zero.(typed); ok {
		kinds, format := special.OpenAPISchemaType(), special.OpenAPISchemaFormat()
		if format != "" {
			out["format"] = format
		}
		if one, ok := zero.(oneOf); ok && ts.flavour == v3 {
			var list []object
			for _, kind := range one.OpenAPIV3OneOfTypes() {
				list = append(list, object{"type": kind})
			}
			out["oneOf"] = list
		} else if len(kinds) > 0 { // else anything goes, as for a JSON
			out["type"] = kinds[0]
		}
		return out
	}
	if kind, ok := onlyKind(t); ok {
		out[kindsKey] = []object{kindObject(kind)}
	}
	out["type"] = "object"
	if t == rawExtension || t == fieldsV1 {
		return out
	}
	properties, required := object{}, []string{}
	ts.fields(t, properties, &required)
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// onlyKind returns the kind that a type is, if it is one and no more.
func onlyKind(t reflect.Type) (schema.GroupVersionKind, bool) {
	obj, ok := reflect.New(t).Interface().(runtime.Object)
	if !ok {
		return schema.GroupVersionKind{}, false
	}
	kinds, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil || len(kinds) != 1 {
		return schema.GroupVersionKind{}, false
	}
	return kinds[0], true
}

// fields adds the fields of t, and those of what it embeds.
func (ts *types) fields(t reflect.Type, properties object, required *[]string) {
	said, known := docs(t), ts.facts.of(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" && f.Anonymous {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if embedded.Kind() == reflect.Struct {
				ts.fields(embedded, properties, required)
			}
			continue
		}
		if name == "" {
			continue
		}
		about := known[name]
		properties[name] = ts.property(f, options, about, about.text(said[name]))
		if about.needed == "required" || about.needed == "" && !omitsEmpty(options) {
			*required = append(*required, name)
		}
	}
}

// omitsEmpty tells whether the options of a JSON tag say omitempty, which makes
// a field optional unless its markers say otherwise.
func omitsEmpty(options string) bool {
	return slices.Contains(strings.Split(options, ","), "omitempty")
}

func (ts *types) property(f reflect.StructField, options string, about fact, description string) object {
	p := ts.schema(f.Type)
	var value any
	if ts.flavour == v3 {
		if value = about.value; value == nil {
			value = zeroOf(f.Type, omitsEmpty(options))
		}
	}
	if _, isRef := p["$ref"]; isRef && ts.flavour == v3 {
		// In v3 nothing may stand beside a reference.
		p = object{"allOf": []object{p}}
	}
	if value != nil {
		p["default"] = value
	}
	if description != "" {
		p["description"] = description
	}
	if s := f.Tag.Get("patchStrategy"); s != "" {
		p["x-kubernetes-patch-strategy"] = s
	}
	if k := f.Tag.Get("patchMergeKey"); k != "" {
		p["x-kubernetes-patch-merge-key"] = k
	}
	about.extend(p)
	if of, ok := p["allOf"]; ok && len(p) == 1 {
		return of.([]object)[0]
	}
	return p
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// zeroOf is the default of a field that cannot be absent in Go: what it is when
// a manifest has nothing there. It is nil for what can be null.
func zeroOf(t reflect.Type, omitted bool) any {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array, reflect.Interface:
		return nil
	case reflect.Struct:
		if t.NumField() == 1 && t.Field(0).Anonymous {
			return zeroOf(t.Field(0).Type, omitted)
		}
		return object{}
	case reflect.Bool:
		if !omitted {
			return false
		}
	case reflect.String:
		if !omitted {
			return ""
		}
	default:
		if !omitted {
			return 0
		}
	}
	return nil
}

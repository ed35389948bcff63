package openapi

import (
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/openapi/texts"
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
	// texts are about types that say nothing themselves; read when first needed.
	texts texts.Texts
}

func newTypes(f flavour) *types { return &types{flavour: f, defined: map[string]object{}} }

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

// docs returns what is said of a type, under "", and of its fields.
func (ts *types) docs(t reflect.Type) map[string]string {
	if d, ok := reflect.Zero(t).Interface().(documented); ok {
		return d.SwaggerDoc()
	}
	if !texts.About(t) {
		return nil
	}
	if ts.texts == nil {
		ts.texts = texts.Load()
	}
	return ts.texts.Of(t)
}

// define makes the definition of a struct type.
func (ts *types) define(t reflect.Type) object {
	zero := reflect.Zero(t).Interface()
	out := object{}
	docs := ts.docs(t)
	if text := docs[""]; text != "" {
		out["description"] = text
	}
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

// fields adds the fields of t, and those of what it embeds.
func (ts *types) fields(t reflect.Type, properties object, required *[]string) {
	docs := ts.docs(t)
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
		properties[name] = ts.property(f, docs[name])
		if isRequired(t, f, name, options) {
			*required = append(*required, name)
		}
	}
}

func (ts *types) property(f reflect.StructField, description string) object {
	p := ts.schema(f.Type)
	if _, isRef := p["$ref"]; isRef && description != "" && ts.flavour == v3 {
		// In v3 nothing may stand beside a reference.
		p = object{"allOf": []object{p}}
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
	return p
}

// isRequired tells whether a manifest must have the field. Types mark optional
// fields with omitempty or a pointer; optional lists the few that do neither.
func isRequired(t reflect.Type, f reflect.StructField, name, options string) bool {
	if strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero") || f.Type.Kind() == reflect.Pointer {
		return false
	}
	if f.Type.Kind() == reflect.Struct && (name == "metadata" || name == "status") {
		return false
	}
	return !optional[t.Name()+"."+name]
}

// optional are fields that their comments in k8s.io/api call optional while
// their tags do not.
var optional = map[string]bool{
	"StatefulSetSpec.serviceName": true, "StatefulSetStatus.availableReplicas": true, "StatefulSetOrdinals.start": true,
	"TypedObjectReference.apiGroup": true, "TypedLocalObjectReference.apiGroup": true, "ProjectedVolumeSource.sources": true,
	"GRPCAction.service": true, "NodeRuntimeHandler.name": true, "ContainerImage.names": true,
	"Event.reportingComponent": true, "Event.reportingInstance": true, "EndpointSlice.ports": true,
	"FlowSchemaSpec.matchingPrecedence": true, "ResourcePolicyRule.namespaces": true,
	"QueuingConfiguration.queues": true, "QueuingConfiguration.handSize": true, "QueuingConfiguration.queueLengthLimit": true,
	"NetworkPolicySpec.podSelector": true, "Role.rules": true, "ClusterRole.rules": true,
	"HorizontalPodAutoscalerStatus.currentMetrics": true, "CSINodeDriver.topologyKeys": true,
	"PodFailurePolicyOnPodConditionsPattern.status": true, "TokenRequestStatus.token": true,
}

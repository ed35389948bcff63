package openapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"minke/api"
)

// TestCustomSchemas has what the definition of a custom kind says beside its
// schema. Clients that know OpenAPI v2 refuse fields that are not told of.
func TestCustomSchemas(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		// v2 and v3 are the fields that are told of.
		v2, v3 []string
		// embedded and required are those of the field template.
		embedded, required []string
	}{
		{name: "no schema", v2: nil, v3: nil},
		{name: "plain", schema: `{"type":"object","properties":{"spec":{"type":"object"}}}`,
			v2: []string{"apiVersion", "kind", "metadata", "spec"}, v3: []string{"apiVersion", "kind", "metadata", "spec"}},
		{name: "unknown fields are kept", schema: `{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"spec":{"type":"object"}}}`,
			v2: nil, v3: []string{"apiVersion", "kind", "metadata", "spec"}},
		{name: "an embedded resource", schema: `{"type":"object","properties":{"template":{"type":"object","x-kubernetes-embedded-resource":true,"required":["kind"],"properties":{"spec":{"type":"object"}}}}}`,
			v2: []string{"apiVersion", "kind", "metadata", "template"}, v3: []string{"apiVersion", "kind", "metadata", "template"},
			embedded: []string{"apiVersion", "kind", "metadata", "spec"}, required: []string{"kind", "apiVersion"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
			r := &api.Resource{Kind: kind, Plural: "widgets", Namespaced: true, Verbs: []string{"get", "list"},
				New: func() api.Object { return &unstructured.Unstructured{} }}
			s := New("v1.37.0", Set{Resources: []*api.Resource{r}, Custom: map[schema.GroupVersionKind]Schema{
				kind: {Make: func() (json.RawMessage, error) { return []byte(c.schema), nil }}}})
			var old spec.Swagger
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("GET", "/openapi/v2", nil))
			if err := json.Unmarshal(w.Body.Bytes(), &old); err != nil {
				t.Fatal(err)
			}
			now := object3(t, s, "/openapi/v3/apis/example.com/v1").Components.Schemas
			for flavour, at := range map[string]struct {
				definition, list spec.Schema
				want             []string
			}{
				"v2": {old.Definitions["com.example.v1.Widget"], old.Definitions["com.example.v1.WidgetList"], c.v2},
				"v3": {*now["com.example.v1.Widget"], *now["com.example.v1.WidgetList"], c.v3},
			} {
				d := at.definition
				if got := names(d); !slices.Equal(got, at.want) {
					t.Errorf("%s: fields %v, want %v", flavour, got, at.want)
				}
				if len(d.Type) != 1 || d.Type[0] != "object" || d.Extensions["x-kubernetes-group-version-kind"] == nil {
					t.Errorf("%s: type %v, extensions %v", flavour, d.Type, d.Extensions)
				}
				if flavour == "v2" && at.want == nil && len(d.Extensions) != 1 {
					t.Errorf("v2: extensions %v", d.Extensions)
				}
				for _, field := range at.want {
					if field != "spec" && field != "template" && d.Properties[field].Description == "" {
						t.Errorf("%s: no text for %s", flavour, field)
					}
				}
				if m, told := d.Properties["metadata"]; told && (len(m.AllOf) == 1) != (flavour == "v3") {
					t.Errorf("%s: metadata refers by %+v", flavour, m)
				}
				inner := d.Properties["template"]
				if got := names(inner); !slices.Equal(got, c.embedded) || !slices.Equal(inner.Required, c.required) {
					t.Errorf("%s: template has %v, required %v; want %v, %v", flavour, got, inner.Required, c.embedded, c.required)
				}
				if at.list.Description != "WidgetList is a list of Widget" {
					t.Errorf("%s: the list's text is %q", flavour, at.list.Description)
				}
			}
		})
	}
}

func names(s spec.Schema) []string {
	var out []string
	for name := range s.Properties {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// TestCustomOperations: what can be done with a custom kind is told otherwise
// than of a kind with a Go type.
func TestCustomOperations(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	r := &api.Resource{
		Kind: kind, Plural: "widgets", Namespaced: true, Scale: &api.Scale[api.Object]{}, New: func() api.Object { return &unstructured.Unstructured{} },
		Verbs: []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
	}
	s := New("v1.37.0", Set{Resources: []*api.Resource{r}, CBOR: true})
	doc := object3(t, s, "/openapi/v3/apis/example.com/v1")
	const one = "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"
	for path := range doc.Paths.Paths {
		if strings.Contains(path, "/watch/") || path == "/apis/example.com/v1/" {
			t.Errorf("a custom kind has no %s", path)
		}
	}
	item := doc.Paths.Paths[one]
	var media []string
	for m := range item.Patch.RequestBody.Content {
		media = append(media, m)
	}
	slices.Sort(media)
	if want := []string{"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"}; !slices.Equal(media, want) {
		t.Errorf("a patch is one of %v, want %v", media, want)
	}
	for what, got := range map[string]struct{ is, want string }{
		"text":       {item.Get.Description, "read the specified Widget"},
		"list":       {doc.Paths.Paths["/apis/example.com/v1/widgets"].Get.OperationId, "listExampleComV1WidgetForAllNamespaces"},
		"collection": {doc.Paths.Paths[strings.TrimSuffix(one, "/{name}")].Delete.OperationId, "deleteExampleComV1CollectionNamespacedWidget"},
		"scale":      {fmt.Sprint(doc.Paths.Paths[one+"/scale"].Put.Extensions["x-kubernetes-group-version-kind"]), "map[group:example.com kind:Widget version:v1]"},
	} {
		if got.is != got.want {
			t.Errorf("%s is %q, want %q", what, got.is, got.want)
		}
	}
	if w := get(t, s, "/openapi/v3/apis/example.com"); w.Code != 404 {
		t.Errorf("a group of custom kinds alone: %d, want 404", w.Code)
	}
}

// TestCustomValues: what is told of a schema's values in each flavour.
func TestCustomValues(t *testing.T) {
	for _, c := range []struct{ schema, v2, v3 string }{
		{`{"x-kubernetes-int-or-string":true}`, `{"x-kubernetes-int-or-string":true}`, `{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true}`},
		{`{"x-kubernetes-int-or-string":true,"anyOf":[{"minimum":1}]}`, `{"x-kubernetes-int-or-string":true}`,
			`{"allOf":[{"anyOf":[{"type":"integer"},{"type":"string"}]}],"anyOf":[{"minimum":1}],"x-kubernetes-int-or-string":true}`},
		{`{"x-kubernetes-int-or-string":true,"allOf":[{"anyOf":[{"type":"integer"},{"type":"string"}]}]}`, `{"x-kubernetes-int-or-string":true}`,
			`{"allOf":[{"anyOf":[{"type":"integer"},{"type":"string"}]}],"x-kubernetes-int-or-string":true}`},
		{`{"type":"object","nullable":true,"properties":{"a":{"type":"string"}}}`, `{}`, `{"nullable":true,"properties":{"a":{"type":"string"}},"type":"object"}`},
		{`{"type":"array","x-kubernetes-preserve-unknown-fields":true,"items":{"type":"string"}}`, `{"x-kubernetes-preserve-unknown-fields":true}`,
			`{"items":{"type":"string"},"type":"array","x-kubernetes-preserve-unknown-fields":true}`},
		{`{"type":"object","required":["a","b"],"properties":{"a":{"type":"string","nullable":true},"b":{"type":"string","default":"x"}}}`,
			`{"properties":{"a":{},"b":{"type":"string"}},"required":["b"],"type":"object"}`,
			`{"properties":{"a":{"nullable":true,"type":"string"},"b":{"default":"x","type":"string"}},"required":["a","b"],"type":"object"}`},
		{`{"type":"object","required":["a"],"additionalProperties":{"type":"string","nullable":true}}`, `{"additionalProperties":{},"type":"object"}`,
			`{"additionalProperties":{"nullable":true,"type":"string"},"required":["a"],"type":"object"}`},
	} {
		var in object
		if err := json.Unmarshal([]byte(c.schema), &in); err != nil {
			t.Fatal(err)
		}
		for flavour, got := range map[string]object{c.v2: toV2(in), c.v3: unfold(in)} {
			if text, err := json.Marshal(got); err != nil || string(text) != flavour {
				t.Errorf("%s: got %s, want %s (%v)", c.schema, text, flavour, err)
			}
		}
	}
}

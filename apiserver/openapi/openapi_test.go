package openapi

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/spec3"
	openapiproto "k8s.io/kube-openapi/pkg/util/proto"

	"minke/api"
	"minke/api/catalog"
	"minke/apiserver/discovery"
)

func served() Set { return Set{Resources: catalog.Resources(), Actions: discovery.Actions()} }

func get(t *testing.T, s *Server, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func object3(t *testing.T, s *Server, path string) *spec3.OpenAPI {
	t.Helper()
	w := get(t, s, path)
	var doc spec3.OpenAPI
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%s: %v in %.200s", path, err, w.Body)
	}
	return &doc
}

// Every document of v3 parses, and all that it refers to is in it.
func TestV3IsWhole(t *testing.T) {
	s := New("v1.37.0", served())
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	if err := json.Unmarshal(get(t, s, "/openapi/v3").Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	for name, item := range index.Paths {
		w := get(t, s, item.ServerRelativeURL)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		var doc struct {
			Components struct{ Schemas map[string]any }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(w.Body.String(), `"$ref":"`)[1:] {
			ref, _, _ := strings.Cut(part, `"`)
			if doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")] == nil {
				t.Errorf("%s refers to %s, which it lacks", name, ref)
			}
		}
	}
	if _, ok := index.Paths["api/v1"]; !ok {
		t.Errorf("the index lacks api/v1: %v", index.Paths)
	}
	if w := get(t, s, "/openapi/v3/api/v1?hash=OLD"); w.Code != 301 {
		t.Errorf("an old hash: %d, want 301", w.Code)
	}
	if w := get(t, s, "/openapi/v3/apis/nosuch/v1"); w.Code != 404 {
		t.Errorf("an unknown version: %d, want 404", w.Code)
	}
}

func TestV3Pod(t *testing.T) {
	doc := object3(t, New("v1.37.0", served()), "/openapi/v3/api/v1")
	pod := doc.Components.Schemas["io.k8s.api.core.v1.Pod"]
	if pod == nil || pod.Extensions["x-kubernetes-group-version-kind"] == nil {
		t.Fatalf("pod: %+v", pod)
	}
	spec := doc.Components.Schemas["io.k8s.api.core.v1.PodSpec"]
	if !slices.Contains(spec.Required, "containers") || slices.Contains(spec.Required, "volumes") {
		t.Errorf("PodSpec requires %v", spec.Required)
	}
	if key, _ := spec.Properties["containers"].Extensions.GetString("x-kubernetes-patch-merge-key"); key != "name" {
		t.Errorf("containers merge by %q", key)
	}
	if q := doc.Components.Schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]; len(q.OneOf) != 2 {
		t.Errorf("Quantity: %+v", q)
	}
	path := doc.Paths.Paths["/api/v1/namespaces/{namespace}/pods/{name}"]
	if path == nil || path.Patch == nil {
		t.Fatalf("no patch of pods: %v", path)
	}
	var names []string
	for _, p := range path.Patch.Parameters {
		names = append(names, p.Name)
	}
	for _, want := range []string{"dryRun", "fieldManager", "fieldValidation", "force"} {
		if !slices.Contains(names, want) {
			t.Errorf("patch of pods has %v, without %s", names, want)
		}
	}
	if id := path.Get.OperationId; id != "readCoreV1NamespacedPod" {
		t.Errorf("operation id %s", id)
	}
}

// kubectl before 1.27 reads v2 in protobuf; the models must parse as there.
func TestV2Protobuf(t *testing.T) {
	s := New("v1.37.0", served())
	w := get(t, s, "/openapi/v2", "Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
	var doc openapi_v2.Document
	if err := proto.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	models, err := openapiproto.NewOpenAPIData(&doc)
	if err != nil {
		t.Fatal(err)
	}
	kind, ok := models.LookupModel("io.k8s.api.apps.v1.Deployment").(*openapiproto.Kind)
	if !ok || !slices.Contains(kind.Keys(), "spec") || kind.GetDescription() == "" {
		t.Errorf("Deployment: %v", kind)
	}
	for _, e := range doc.GetDefinitions().GetAdditionalProperties() {
		if e.GetName() != "io.k8s.api.apps.v1.Deployment" {
			continue
		}
		if text := e.GetValue().GetVendorExtension()[0].GetValue().GetYaml(); text != "- group: apps\n  kind: Deployment\n  version: v1\n" {
			t.Errorf("the kind of Deployment is told as %q", text)
		}
	}
	if kind.GetExtensions()["x-kubernetes-group-version-kind"] == nil {
		t.Errorf("Deployment has extensions %v", kind.GetExtensions())
	}
	found := false
	for _, p := range doc.GetPaths().GetPath() {
		for _, param := range p.GetValue().GetPatch().GetParameters() {
			found = found || param.GetParameter().GetNonBodyParameter().GetQueryParameterSubSchema().GetName() == "dryRun"
		}
	}
	if !found {
		t.Error("no patch has dryRun")
	}
	plain := get(t, s, "/openapi/v2")
	fromJSON, err := openapi_v2.ParseDocument(plain.Body.Bytes())
	if err != nil {
		t.Fatalf("v2 in JSON: %v", err)
	}
	other, err := openapiproto.NewOpenAPIData(fromJSON)
	if err != nil {
		t.Fatal(err)
	}
	a, b := models.ListModels(), other.ListModels()
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Error("the definitions in JSON and in protobuf differ")
	}
	if again := get(t, s, "/openapi/v2", "If-None-Match", plain.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("If-None-Match: %d, want 304", again.Code)
	}
	if zipped := get(t, s, "/openapi/v2", "Accept-Encoding", "gzip"); zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() > plain.Body.Len()/4 {
		t.Errorf("gzip: %d of %d bytes", zipped.Body.Len(), plain.Body.Len())
	}
}

func TestCustom(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	r := &api.Resource{
		Kind: kind, Plural: "widgets", Namespaced: true, Verbs: []string{"create", "get", "list", "patch"},
		New: func() api.Object { return &unstructured.Unstructured{} },
	}
	s := New("v1.37.0", Set{Resources: []*api.Resource{r}, Custom: map[schema.GroupVersionKind]Schema{
		kind: {Make: func() (json.RawMessage, error) {
			return []byte(`{"type":"object","required":["spec"],"properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"},"any":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}`), nil
		}},
	}})
	doc := object3(t, s, "/openapi/v3/apis/example.com/v1")
	widget := doc.Components.Schemas["com.example.v1.Widget"]
	if widget == nil || widget.Properties["spec"].Properties["size"].Type[0] != "integer" {
		t.Errorf("Widget: %+v", widget)
	}
	if doc.Components.Schemas["com.example.v1.WidgetList"] == nil || doc.Paths.Paths["/apis/example.com/v1/namespaces/{namespace}/widgets"] == nil {
		t.Errorf("the list or the path of widgets is missing")
	}
	before := s.hash("apis/example.com/v1")
	s.Set(Set{Resources: []*api.Resource{r}})
	if s.hash("apis/example.com/v1") == before {
		t.Error("the hash stays when the schema goes")
	}
}

func BenchmarkV2(b *testing.B) {
	set := served()
	for b.Loop() {
		s := New("v1.37.0", set)
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/openapi/v2", nil))
	}
}

func BenchmarkV2Protobuf(b *testing.B) {
	set := served()
	for b.Loop() {
		s := New("v1.37.0", set)
		r := httptest.NewRequest("GET", "/openapi/v2", nil)
		r.Header.Set("Accept", protobufV2)
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}

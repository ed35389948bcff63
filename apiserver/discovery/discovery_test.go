package discovery

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"minke/api"
)

func resources() []*api.Resource {
	pods := api.Definition[*corev1.Pod]{
		Kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Plural: "pods", ShortNames: []string{"po"}, Categories: []string{"all"},
		New: func() *corev1.Pod { return &corev1.Pod{} }, Subresources: map[string]api.Subresource[*corev1.Pod]{"status": {}},
	}.Resource()
	deployments := api.Definition[*appsv1.Deployment]{
		Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, Plural: "deployments",
		New:   func() *appsv1.Deployment { return &appsv1.Deployment{} },
		Scale: &api.Scale[*appsv1.Deployment]{},
		Also:  []api.Version{{Kind: schema.GroupVersionKind{Group: "extensions", Version: "v1beta1", Kind: "Deployment"}, Hidden: true}},
	}.Resource()
	hpa := api.Definition[*autoscalingv2.HorizontalPodAutoscaler]{
		Kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}, Plural: "horizontalpodautoscalers",
		New:  func() *autoscalingv2.HorizontalPodAutoscaler { return &autoscalingv2.HorizontalPodAutoscaler{} },
		Also: []api.Version{{Kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}}},
	}.Resource()
	custom := api.Definition[*corev1.Pod]{
		Kind: schema.GroupVersionKind{Group: "a.example.com", Version: "v1", Kind: "Widget"}, Plural: "widgets",
		New: func() *corev1.Pod { return &corev1.Pod{} },
	}.Resource()
	return []*api.Resource{custom, deployments, pods, hpa}
}

func get(t *testing.T, h http.Handler, path string, header map[string]string, into any) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("GET %s: %v in %q", path, err, w.Body)
		}
	}
	return w
}

func TestGroupsComeInOrder(t *testing.T) {
	s := New("127.0.0.1:6443", resources(), Actions())
	var list metav1.APIGroupList
	get(t, s, "/apis", nil, &list)
	var names []string
	for _, g := range list.Groups {
		names = append(names, g.PreferredVersion.GroupVersion)
	}
	want := []string{"apps/v1", "autoscaling/v2", "a.example.com/v1", "extensions/v1beta1"}
	if !slices.Equal(names, want) {
		t.Errorf("groups are %v, want %v", names, want)
	}
}

func TestResourceLists(t *testing.T) {
	s := New("127.0.0.1:6443", resources(), Actions())
	for path, want := range map[string][]string{
		"/api/v1":                    {"pods", "pods/attach", "pods/binding", "pods/eviction", "pods/exec", "pods/log", "pods/portforward", "pods/proxy", "pods/status"},
		"/apis/apps/v1":              {"deployments", "deployments/scale"},
		"/apis/extensions/v1beta1":   {"deployments", "deployments/scale"},
		"/apis/autoscaling/v1":       {"horizontalpodautoscalers"},
		"/apis/a.example.com/v1":     {"widgets"},
		"/apis/a.example.com/v1/":    {"widgets"},
		"/apis/a.example.com/v2":     nil,
		"/apis/nosuch.example.com/x": nil,
		"/apis//v1":                  nil,
	} {
		if want == nil {
			if w := get(t, s, path, nil, nil); w.Code != 404 {
				t.Errorf("GET %s: %d, want 404", path, w.Code)
			}
			continue
		}
		var list metav1.APIResourceList
		get(t, s, path, nil, &list)
		var names []string
		for _, r := range list.APIResources {
			names = append(names, r.Name)
			if len(r.Verbs) == 0 || !slices.IsSorted(r.Verbs) {
				t.Errorf("%s %s: verbs %v", path, r.Name, r.Verbs)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("GET %s: %v, want %v", path, names, want)
		}
	}
}

func TestAggregated(t *testing.T) {
	s := New("127.0.0.1:6443", resources(), Actions())
	const v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	for _, c := range []struct{ accept, want string }{
		{v2 + ",application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", v2},
		{"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"},
		{"application/json," + v2, "application/json"},
		{"application/json, */*", "application/json"},
		{"", "application/json"},
		{"application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json", "application/json"},
	} {
		w := get(t, s, "/api", map[string]string{"Accept": c.accept}, nil)
		if got := w.Header().Get("Content-Type"); got != c.want {
			t.Errorf("Accept %q: content type %q, want %q", c.accept, got, c.want)
		}
	}
	var list apidiscoveryv2.APIGroupDiscoveryList
	w := get(t, s, "/api", map[string]string{"Accept": v2}, &list)
	if len(list.Items) != 1 || list.Items[0].Versions[0].Resources[0].ResponseKind.Kind != "Pod" {
		t.Errorf("aggregated /api: %s", w.Body)
	}
	again := get(t, s, "/api", map[string]string{"Accept": v2, "If-None-Match": w.Header().Get("ETag")}, nil)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("If-None-Match: %d with %d bytes, want 304 with none", again.Code, again.Body.Len())
	}
	s.Set(resources()[:1], nil)
	if after := get(t, s, "/apis", map[string]string{"Accept": v2, "If-None-Match": w.Header().Get("ETag")}, nil); after.Code != http.StatusOK {
		t.Errorf("after Set: %d, want 200", after.Code)
	}
}

func TestYAML(t *testing.T) {
	s := New("127.0.0.1:6443", resources(), Actions())
	for accept, want := range map[string]string{
		yamlType: yamlType, yamlType + ",application/json": yamlType, "application/json," + yamlType: "application/json",
		"text/html, " + yamlType + ";q=0.9": yamlType, "": "application/json", "*/*": "application/json",
	} {
		w := get(t, s, "/api/v1", map[string]string{"Accept": accept}, nil)
		if got := w.Header().Get("Content-Type"); got != want || strings.HasPrefix(w.Body.String(), "{") != (want == "application/json") {
			t.Errorf("Accept %q: %s %.40s", accept, got, w.Body)
		}
		var list metav1.APIResourceList
		if err := yaml.UnmarshalStrict(w.Body.Bytes(), &list); err != nil || list.Kind != "APIResourceList" || len(list.APIResources) == 0 {
			t.Errorf("Accept %q: %v, error %v", accept, list, err)
		}
	}
}

func TestProtobuf(t *testing.T) {
	s := New("127.0.0.1:6443", resources(), Actions())
	w := get(t, s, "/apis", map[string]string{"Accept": protobufType}, nil)
	if w.Header().Get("Content-Type") != protobufType || string(w.Body.Bytes()[:4]) != "k8s\x00" {
		t.Errorf("protobuf answer: %q %q", w.Header().Get("Content-Type"), w.Body.Bytes()[:8])
	}
}

func TestRoot(t *testing.T) {
	var body struct{ Paths []string }
	get(t, New("", resources(), nil).Root("/healthz"), "/", nil, &body)
	for _, want := range []string{"/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz"} {
		if !slices.Contains(body.Paths, want) {
			t.Errorf("/ lists %v, without %s", body.Paths, want)
		}
	}
}

// TestCustomResource: of a resource without a Go type the status comes first,
// and kinds are named in full, as in Kubernetes.
func TestCustomResource(t *testing.T) {
	gvk := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	r := &api.Resource{
		Kind: gvk, Plural: "widgets", Verbs: []string{"get"}, New: func() api.Object { return &unstructured.Unstructured{} },
		Subresources: map[string]api.Subresource[api.Object]{"status": {}}, Scale: &api.Scale[api.Object]{},
	}
	s := New("127.0.0.1:6443", []*api.Resource{r}, nil)
	var list apidiscoveryv2.APIGroupDiscoveryList
	get(t, s, "/apis", map[string]string{"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}, &list)
	one := list.Items[0].Versions[0].Resources[0]
	if k := one.ResponseKind; k.Group != gvk.Group || k.Version != gvk.Version || k.Kind != gvk.Kind {
		t.Errorf("the kind is %v", k)
	}
	if want := []string{"delete", "deletecollection", "get", "list", "watch"}; !slices.Equal(one.Verbs, want) {
		t.Errorf("the verbs of what is made of a definition that goes are %v, want %v", one.Verbs, want)
	}
	r.Verbs, r.StoredVersion = []string{"create", "get"}, "v2"
	var resources metav1.APIResourceList
	get(t, New("127.0.0.1:6443", []*api.Resource{r}, nil), "/apis/example.com/v1", nil, &resources)
	widgets := resources.APIResources[0]
	if want := []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}; !slices.Equal(widgets.Verbs, want) {
		t.Errorf("the verbs are %v, want %v", widgets.Verbs, want)
	}
	if gvk.Version = "v2"; widgets.StorageVersionHash != storageVersionHash(gvk) {
		t.Error("the hash is not that of the version that is stored")
	}
	if subs := one.Subresources; len(subs) != 2 || subs[0].Subresource != "status" || subs[1].Subresource != "scale" {
		t.Errorf("subresources %v", subs)
	}
}

package apiserver

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/inprocess"
	"minke/store/cache"
)

var core = schema.GroupVersion{Version: "v1"}

func testResources() []*api.Resource {
	configMaps := api.Definition[*corev1.ConfigMap]{
		Kind: core.WithKind("ConfigMap"), Plural: "configmaps", ShortNames: []string{"cm"},
		New: func() *corev1.ConfigMap { return &corev1.ConfigMap{} }, NewList: func() runtime.Object { return &corev1.ConfigMapList{} },
		Columns: []api.Column[*corev1.ConfigMap]{{Name: "Data", Type: "integer", Cell: func(c *corev1.ConfigMap) any { return len(c.Data) }}},
		Validate: func(c *corev1.ConfigMap) field.ErrorList {
			if _, bad := c.Data["bad"]; bad {
				return field.ErrorList{field.Invalid(field.NewPath("data").Key("bad"), "bad", "is not allowed")}
			}
			return nil
		},
		Also: []api.Version{{
			Kind: schema.GroupVersionKind{Version: "v0", Kind: "ConfigMap"}, Deprecated: "v0 ConfigMap is deprecated",
			New: func() runtime.Object { return &corev1.ConfigMap{} }, NewList: func() runtime.Object { return &corev1.ConfigMapList{} },
			Import: func(o runtime.Object) (api.Object, error) {
				cm := o.DeepCopyObject().(*corev1.ConfigMap)
				delete(cm.Data, "version")
				return cm, nil
			},
			Export: func(o api.Object) (runtime.Object, error) {
				cm := o.DeepCopyObject().(*corev1.ConfigMap)
				cm.Data["version"] = "v0"
				return cm, nil
			},
		}},
	}
	namespaces := api.Definition[*corev1.Namespace]{
		Kind: core.WithKind("Namespace"), Plural: "namespaces", Cluster: true,
		New: func() *corev1.Namespace { return &corev1.Namespace{} }, NewList: func() runtime.Object { return &corev1.NamespaceList{} },
		PrepareForCreate: func(n *corev1.Namespace) {
			n.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
			n.Status.Phase = corev1.NamespaceActive
		},
		Subresources: map[string]api.Subresource[*corev1.Namespace]{"finalize": {}, "status": {}},
		BeginDelete:  func(n *corev1.Namespace, _ *metav1.DeleteOptions) { n.Status.Phase = corev1.NamespaceTerminating },
	}
	return []*api.Resource{configMaps.Resource(), namespaces.Resource(), podDefinition().Resource(), deploymentDefinition().Resource()}
}

func podDefinition() api.Definition[*corev1.Pod] {
	return api.Definition[*corev1.Pod]{
		Kind: core.WithKind("Pod"), Plural: "pods",
		New: func() *corev1.Pod { return &corev1.Pod{} }, NewList: func() runtime.Object { return &corev1.PodList{} },
		Fields: map[string]func(*corev1.Pod) string{"spec.nodeName": func(p *corev1.Pod) string { return p.Spec.NodeName }},
		Grace: func(_ *corev1.Pod, asked *int64) int64 {
			if asked == nil {
				return 30
			}
			return *asked
		},
		Subresources: map[string]api.Subresource[*corev1.Pod]{"status": {Prepare: func(p, old *corev1.Pod) {
			p.Spec = old.Spec
		}}},
	}
}

func deploymentDefinition() api.Definition[*appsv1.Deployment] {
	one := int32(1)
	return api.Definition[*appsv1.Deployment]{
		Kind: appsv1.SchemeGroupVersion.WithKind("Deployment"), Plural: "deployments",
		New: func() *appsv1.Deployment { return &appsv1.Deployment{} }, NewList: func() runtime.Object { return &appsv1.DeploymentList{} },
		Default: func(d *appsv1.Deployment) {
			if d.Spec.Replicas == nil {
				d.Spec.Replicas = &one
			}
		},
		PrepareForCreate: func(d *appsv1.Deployment) { d.Status, d.Generation = appsv1.DeploymentStatus{}, 1 },
		PrepareForUpdate: func(d, old *appsv1.Deployment) {
			d.Status = old.Status
			if *d.Spec.Replicas != *old.Spec.Replicas {
				d.Generation = old.Generation + 1
			}
		},
		Subresources: map[string]api.Subresource[*appsv1.Deployment]{"status": {Prepare: func(d, old *appsv1.Deployment) {
			d.Spec, d.Labels = old.Spec, old.Labels
		}}},
		Scale: &api.Scale[*appsv1.Deployment]{SpecPath: ".spec.replicas",
			Get: func(d *appsv1.Deployment) api.ScaleValues {
				return api.ScaleValues{Spec: *d.Spec.Replicas, Status: d.Status.Replicas, Selector: metav1.FormatLabelSelector(d.Spec.Selector)}
			},
			Set: func(d *appsv1.Deployment, n int32) { d.Spec.Replicas = &n },
		},
	}
}

// world is a server with a store of its own.
type world struct {
	testing.TB
	*Server
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	cfg := Config{Resources: testResources(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Authenticate: func(*http.Request) (*inprocess.User, error) { return &inprocess.User{Name: "tester"}, nil }}
	if _, bench := t.(*testing.B); !bench {
		cfg.Detector = cache.NewDetector()
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Store == nil {
		cfg.Store = openStore(t)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		_ = cfg.Store.Close()
		if err := cfg.Detector.Check(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, s}
}

// call is a request's parts: the body's first line may name a content type as
// in "application/yaml:".
func (w *world) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// must does a request that has to answer with code, and returns its JSON.
func (w *world) must(code int, method, path, body string, headers ...string) map[string]any {
	w.Helper()
	rec := w.do(method, path, body, headers...)
	if rec.Code != code {
		w.Fatalf("%s %s: got %d, want %d: %s", method, path, rec.Code, code, rec.Body)
	}
	var out map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.Fatalf("%s %s: %v: %s", method, path, err, rec.Body)
	}
	return out
}

// at returns a nested value, nil when it is missing.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func (w *world) want(got, want any, what string) {
	w.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		w.Errorf("%s: got %s, want %s", what, a, b)
	}
}

const cms = "/api/v1/namespaces/default/configmaps"

func configMap(name string, data string) string {
	return `{"metadata":{"name":"` + name + `","labels":{"app":"` + name + `"}},"data":{"k":"` + data + `"}}`
}

func TestLifecycle(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", cms, configMap("a", "1"))
	w.want(at(made, "kind"), "ConfigMap", "kind")
	w.want(at(made, "metadata", "namespace"), "default", "namespace")
	if at(made, "metadata", "uid") == nil || at(made, "metadata", "resourceVersion") == nil {
		t.Fatalf("no uid or resourceVersion: %v", made)
	}
	got := w.must(200, "GET", cms+"/a", "")
	w.want(got, made, "get")
	same := w.must(200, "PUT", cms+"/a", configMap("a", "1"))
	w.want(same, made, "an update that changes nothing")
	changed := w.must(200, "PUT", cms+"/a", configMap("a", "2"))
	w.want(at(changed, "data", "k"), "2", "data")
	w.want(at(changed, "metadata", "uid"), at(made, "metadata", "uid"), "uid")
	stale, _ := json.Marshal(made)
	conflict := w.must(409, "PUT", cms+"/a", string(stale))
	w.want(conflict["message"], `Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again`, "conflict")
	exists := w.must(409, "POST", cms, configMap("a", "3"))
	w.want(exists["message"], `configmaps "a" already exists`, "exists")
	w.want(exists["reason"], "AlreadyExists", "exists")
	gone := w.must(200, "DELETE", cms+"/a", "")
	w.want(at(gone, "kind"), "Status", "deletion")
	w.want(at(gone, "details", "uid"), at(made, "metadata", "uid"), "deletion uid")
	missing := w.must(404, "GET", cms+"/a", "")
	w.want(missing["message"], `configmaps "a" not found`, "missing")
}

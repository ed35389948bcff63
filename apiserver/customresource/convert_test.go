package customresource

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// converting is a webhook that renames color (v1) to hue (v2) and back.
type converting struct {
	*httptest.Server
	calls atomic.Int64
	// spoil changes the answer before it is sent.
	spoil atomic.Pointer[func(map[string]any)]
}

func newConverting(t *testing.T) *converting {
	c := &converting{}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		var review map[string]any
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		request := review["request"].(map[string]any)
		objects := request["objects"].([]any)
		for _, o := range objects {
			obj := o.(map[string]any)
			obj["apiVersion"] = request["desiredAPIVersion"]
			from, to := "color", "hue"
			if strings.HasSuffix(obj["apiVersion"].(string), "v1") {
				from, to = to, from
			}
			if v, ok := obj[from]; ok {
				obj[to] = v
				delete(obj, from)
			}
		}
		review["response"] = map[string]any{"uid": request["uid"], "convertedObjects": objects, "result": map[string]any{"status": "Success"}}
		delete(review, "request")
		if spoil := c.spoil.Load(); spoil != nil {
			(*spoil)(review)
		}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(c.Close)
	return c
}

// definition has versions v1 and v2, of which v1 is stored.
func (c *converting) definition() string {
	version := func(name, field string) string {
		return fmt.Sprintf(`{"name":%q,"served":true,"storage":%v,"selectableFields":[{"jsonPath":".%s"}],
			"schema":{"openAPIV3Schema":{"type":"object","properties":{%q:{"type":"string"}}}}}`, name, name == "v1", field, field)
	}
	ca, _ := json.Marshal(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}))
	return strings.Replace(crd(version("v1", "color"), version("v2", "hue")), `"scope":"Namespaced"`,
		`"scope":"Namespaced","conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"`+c.URL+`","caBundle":`+string(ca)+`}}}`, 1)
}

var widgets2 = strings.Replace(widgets, "/v1/", "/v2/", 1)

const merge = "application/merge-patch+json"

func TestConversion(t *testing.T) {
	w, c := newWorld(t), newConverting(t)
	w.define(c.definition())
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"color":"red"}`)
	w.want(c.calls.Load(), 0, "calls while everybody speaks the stored version")
	got := w.must(200, "GET", widgets2+"/a", "")
	w.want(get(got, "hue"), "red", "hue")
	w.want(get(got, "apiVersion"), "example.com/v2", "version")
	w.want(get(got, "color"), nil, "color")
	calls := c.calls.Load()
	w.must(200, "GET", widgets2, "")
	w.want(c.calls.Load(), calls, "calls for what was converted before")
	w.want(len(get(w.must(200, "GET", widgets2+"?fieldSelector=hue%3Dred", ""), "items").([]any)), 1, "selected by a field of the other version")
	patched := w.must(200, "PATCH", widgets2+"/a", `{"hue":"blue","metadata":{"labels":{"l":"v"}}}`, "Content-Type", merge)
	w.want(get(patched, "hue"), "blue", "patched in the other version")
	w.want(get(patched, "metadata", "generation"), 2, "generation")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "color"), "blue", "in the stored one")
	w.must(200, "PATCH", crds+"/widgets.example.com", `[{"op":"replace","path":"/spec/versions/0/storage","value":false},{"op":"replace","path":"/spec/versions/1/storage","value":true}]`, "Content-Type", "application/json-patch+json")
	w.await("widgets.example.com", func(d *definition) bool { return len(d.Status.StoredVersions) == 2 })
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"b"},"color":"green"}`)
	for at, field := range map[string]string{widgets: "color", widgets2: "hue"} {
		items := get(w.must(200, "GET", at, ""), "items").([]any)
		w.want([]any{get(items[0], field), get(items[1], field)}, []string{"blue", "green"}, field+" of both")
		w.want(get(items[0], "apiVersion"), get(items[1], "apiVersion"), "versions")
	}
	w.want(len(get(w.must(200, "GET", widgets+"?limit=1", ""), "items").([]any)), 1, "a page")
	events := w.do("GET", widgets2+"?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1", "").Body.String()
	if strings.Count(events, `"ADDED"`) != 2 || strings.Contains(events, `"color":`) || !strings.Contains(events, `"hue":"blue"`) {
		t.Errorf("watched %s", events)
	}
	apply := func(at, body string) map[string]any {
		return w.must(200, "PATCH", at+"/b?fieldManager=me&force=true", body, "Content-Type", "application/apply-patch+yaml")
	}
	w.want(get(apply(widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"b"},"color":"black"}`), "color"), "black", "applied")
	w.want(get(apply(widgets2, `{"apiVersion":"example.com/v2","kind":"Widget","metadata":{"name":"b"},"hue":"white"}`), "hue"), "white", "applied in the other version")
	w.must(200, "DELETE", widgets+"/a", "")
	w.must(200, "DELETE", widgets2, "")
	w.want(len(get(w.must(200, "GET", widgets2, ""), "items").([]any)), 0, "left")
}

// A webhook whose Service is not there must not look as if the object were not
// there: who deletes it would think that it is gone.
func TestConversionWithoutService(t *testing.T) {
	w, c := newWorld(t), newConverting(t)
	w.define(strings.Replace(c.definition(), `"url":"`+c.URL+`"`, `"service":{"namespace":"default","name":"nobody"}`, 1))
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"color":"red"}`)
	for _, method := range []string{"GET", "DELETE"} {
		got := w.must(500, method, widgets2+"/a", "")
		if text := got["message"].(string); !strings.Contains(text, "conversion webhook for example.com/v1, Kind=Widget failed") {
			t.Errorf("%s says %q", method, text)
		}
	}
}

// TestConversionThatFails is the case "a CRD conversion … that never answers" of
// the attacks that must fail: nobody but who needs it is disturbed.
func TestConversionThatFails(t *testing.T) {
	w, c := newWorld(t), newConverting(t)
	w.define(c.definition())
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","finalizers":["x.example.com/y"]},"color":"red"}`)
	objects := func(r map[string]any) []any { return get(r, "response", "convertedObjects").([]any) }
	first := func(r map[string]any) map[string]any { return objects(r)[0].(map[string]any) }
	metadata := func(r map[string]any) map[string]any { return first(r)["metadata"].(map[string]any) }
	for _, test := range []struct {
		want  string
		spoil func(map[string]any)
	}{
		{"expected response.uid=", func(r map[string]any) { r["response"].(map[string]any)["uid"] = "other" }},
		{"no response provided", func(r map[string]any) { delete(r, "response") }},
		{"expected webhook response of", func(r map[string]any) { r["apiVersion"] = "apiextensions.k8s.io/v1beta1" }},
		{"response.result.status was '', expected 'Success'", func(r map[string]any) { delete(r["response"].(map[string]any), "result") }},
		{"failed: out of paint", func(r map[string]any) {
			r["response"].(map[string]any)["result"] = map[string]any{"status": "Failure", "message": "out of paint"}
		}},
		{"returned 0 objects, expected 1", func(r map[string]any) { r["response"].(map[string]any)["convertedObjects"] = []any{} }},
		{"invalid groupVersion (expected example.com/v2, received example.com/v1)", func(r map[string]any) { first(r)["apiVersion"] = "example.com/v1" }},
		{"invalid kind (expected Widget, received Gadget)", func(r map[string]any) { first(r)["kind"] = "Gadget" }},
		{"must have the same name: a != b", func(r map[string]any) { metadata(r)["name"] = "b" }},
		{"must have the same namespace", func(r map[string]any) { metadata(r)["namespace"] = "b" }},
		{"must have the same UID", func(r map[string]any) { metadata(r)["uid"] = "b" }},
		{"metadata.labels[a]: Invalid value: 1: must be a string", func(r map[string]any) { metadata(r)["labels"] = map[string]any{"a": 1} }},
	} {
		c.spoil.Store(&test.spoil)
		got := w.must(500, "GET", widgets2+"/a", "")
		if text := got["message"].(string); !strings.Contains(text, test.want) || !strings.Contains(text, "conversion webhook for example.com/v1, Kind=Widget") {
			t.Errorf("%q lacks %q", text, test.want)
		}
	}
	w.must(500, "GET", widgets2, "")
	if events := w.do("GET", widgets2+"?watch=true&timeoutSeconds=1", "").Body.String(); !strings.Contains(events, `"ERROR"`) {
		t.Errorf("watched %s", events)
	}
	w.must(200, "GET", widgets+"/a", "")
	w.must(200, "GET", "/api/v1/namespaces/default/configmaps", "")
	meddle := func(r map[string]any) {
		metadata(r)["finalizers"], metadata(r)["annotations"] = []any{}, map[string]any{"by": "webhook"}
	}
	c.spoil.Store(&meddle)
	got := w.must(200, "GET", widgets2+"/a", "")
	w.want(get(got, "metadata", "finalizers"), []string{"x.example.com/y"}, "finalizers that the webhook took")
	w.want(get(got, "metadata", "annotations"), map[string]any{"by": "webhook"}, "annotations")
}

func TestConversionsAreBounded(t *testing.T) {
	c := converter{versions: []string{"v1"}}
	c.calls.Add(maxConversions)
	if _, _, err := c.call(t.Context(), metav1.SchemeGroupVersion, apiextensionsv1.SchemeGroupVersion.WithKind("X"), nil); err == nil || !strings.Contains(err.Error(), "too many calls") {
		t.Errorf("got %v", err)
	}
}

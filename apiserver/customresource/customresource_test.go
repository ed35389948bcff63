package customresource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/store/local"
)

func TestDefinitionBecomesServed(t *testing.T) {
	w := newWorld(t)
	w.must(404, "GET", widgets, "")
	w.define(crd(widgetV1))
	got := w.must(200, "GET", crds+"/widgets.example.com", "")
	w.want(get(got, "status", "acceptedNames", "listKind"), "WidgetList", "list kind")
	w.want(get(got, "status", "storedVersions"), []string{"v1"}, "stored versions")
	list := w.must(200, "GET", widgets, "")
	w.want(get(list, "kind"), "WidgetList", "kind of the list")
	groups := w.must(200, "GET", "/apis/example.com/v1", "")
	if text, _ := json.Marshal(groups); !strings.Contains(string(text), `"widgets/scale"`) || !strings.Contains(string(text), `"wd"`) {
		t.Errorf("discovery: %s", text)
	}
	doc := w.do("GET", "/openapi/v3/apis/example.com/v1", "")
	if !strings.Contains(doc.Body.String(), "com.example.v1.Widget") {
		t.Errorf("OpenAPI: %.300s", doc.Body)
	}
	if !strings.Contains(doc.Body.String(), `"x-kubernetes-selectable-fields":[{"fieldPath":"spec.color"}]`) {
		t.Error("OpenAPI does not tell the selectable fields")
	}
	w.must(200, "GET", "/api/v1/namespaces/default/configmaps", "")
	w.must(404, "POST", "/apis/example.com/v1/widgets", widget("a", `{}`)) // of a built-in resource: 405
	w.must(404, "DELETE", "/apis/example.com/v1/widgets", "")
}

func TestLifecycle(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	made := w.must(201, "POST", widgets, widget("a", `{"color":"red","bogus":1,"note":null,"port":"http","free":{"x":{"y":1}}}`))
	w.want(get(made, "spec"), map[string]any{"color": "red", "replicas": 1, "note": nil, "port": "http", "free": map[string]any{"x": map[string]any{"y": 1}}}, "pruned and defaulted")
	w.want(get(made, "metadata", "generation"), 1, "generation")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "metadata", "uid"), get(made, "metadata", "uid"), "uid")
	changed := w.must(200, "PATCH", widgets+"/a", `{"spec":{"replicas":3},"status":{"replicas":9}}`, "Content-Type", "application/merge-patch+json")
	w.want(get(changed, "metadata", "generation"), 2, "generation after a change")
	w.want(get(changed, "status"), nil, "status by the main way")
	status := w.must(200, "PATCH", widgets+"/a/status", `{"spec":{"replicas":7},"status":{"replicas":3,"selector":"a=b","conditions":[{"type":"Ready","status":"True"}]}}`, "Content-Type", "application/merge-patch+json")
	w.want(get(status, "spec", "replicas"), 3, "spec by the status")
	w.want(get(status, "metadata", "generation"), 2, "generation after a status")
	scale := w.must(200, "GET", widgets+"/a/scale", "")
	w.want(get(scale, "spec", "replicas"), 3, "scale")
	w.want(get(scale, "status", "selector"), "a=b", "scale's selector")
	w.must(200, "PATCH", widgets+"/a/scale", `{"spec":{"replicas":5}}`, "Content-Type", "application/merge-patch+json")
	table := w.must(200, "GET", widgets, "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
	w.want(get(table["rows"].([]any)[0], "cells"), []any{"a", 5, "True"}, "cells")
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"generateName":"b-"},"spec":{"color":"blue"}}`)
	blue := w.must(200, "GET", widgets+"?fieldSelector=spec.color%3Dblue", "")
	w.want(len(blue["items"].([]any)), 1, "selected by a field")
	w.must(400, "GET", widgets+"?fieldSelector=spec.note%3Dblue", "")
	w.must(200, "DELETE", widgets+"/a", "")
	w.must(404, "GET", widgets+"/a", "")
}

func TestFieldValidation(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	for _, c := range []struct {
		name, query, spec string
		code              int
		contains          string
	}{
		{"strict-unknown", "?fieldValidation=Strict", `{"bogus":1}`, 400, `strict decoding error: unknown field \"spec.bogus\"`},
		{"strict-twice", "?fieldValidation=Strict", `{"replicas":1,"replicas":2}`, 400, `duplicate field`},
		{"warned", "?fieldValidation=Warn", `{"bogus":1}`, 201, `unknown field "spec.bogus"`},
		{"ignored", "?fieldValidation=Ignore", `{"bogus":1}`, 201, ""},
		{"range", "", `{"replicas":11}`, 422, "spec.replicas"},
		{"type", "", `{"replicas":"x"}`, 422, "spec.replicas"},
		{"enum", "", `{"color":"green"}`, 422, "Unsupported value"},
		{"rule", "", `{"min":3,"max":2}`, 422, "min must not exceed max"},
		{"set", "", `{"tags":["a","a"]}`, 422, "Duplicate value"},
		{"map", "", `{"ports":[{"name":"a"},{"name":"a"}]}`, 422, "Duplicate value"},
		{"int-or-string", "", `{"port":1.5}`, 422, "spec.port"},
		{"embedded", "", `{"template":{"metadata":{"name":"x"}}}`, 422, "spec.template.apiVersion"},
		{"not-nullable", "", `{"color":null}`, 201, ""},
		{"Capital", "", `{}`, 422, "metadata.name"},
	} {
		rec := w.do("POST", widgets+c.query, widget(c.name, c.spec))
		text := rec.Body.String() + strings.ReplaceAll(strings.Join(rec.Header()["Warning"], " "), `\"`, `"`)
		if rec.Code != c.code || !strings.Contains(text, c.contains) {
			t.Errorf("%s: got %d %s", c.name, rec.Code, text)
		}
	}
	labels := w.must(400, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"m","labels":{"a":1}}}`)
	w.want(labels["message"], `Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string`, "message")
	w.must(422, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"m"}}`)
	for _, nameless := range []string{`{}`, `{"apiVersion":"example.com/v1","metadata":{"name":"m"}}`, `{"kind":"Widget","metadata":{"name":"m"}}`} {
		w.must(400, "POST", widgets, nameless)
	}
	w.must(415, "PATCH", widgets+"/warned", `{}`, "Content-Type", "application/strategic-merge-patch+json")
	w.must(201, "POST", widgets, widget("fixed", `{"fixed":"a"}`))
	w.must(422, "PATCH", widgets+"/fixed", `{"spec":{"fixed":"b"}}`, "Content-Type", "application/merge-patch+json")
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	const media = "application/apply-patch+yaml"
	apply := func(code int, manager, body string) map[string]any {
		t.Helper()
		return w.must(code, "PATCH", widgets+"/a?fieldManager="+manager, body, "Content-Type", media)
	}
	made := apply(201, "one", widget("a", `{"color":"red","ports":[{"name":"http","port":80}]}`))
	w.want(get(made, "spec", "replicas"), 1, "default")
	both := apply(200, "two", widget("a", `{"ports":[{"name":"https","port":443}]}`))
	w.want(len(get(both, "spec", "ports").([]any)), 2, "merged by key")
	apply(409, "two", widget("a", `{"color":"blue"}`))
	one := apply(200, "one", widget("a", `{"color":"red"}`))
	w.want(get(one, "spec", "ports"), []any{map[string]any{"name": "https", "port": 443}}, "what one gave up")
	managers := []string{}
	for _, m := range get(one, "metadata", "managedFields").([]any) {
		managers = append(managers, get(m, "manager").(string))
	}
	slices.Sort(managers)
	w.want(managers, []string{"one", "two"}, "managers")
	if rec := w.do("PATCH", widgets+"/a?fieldManager=one", widget("a", `{"bogus":1}`), "Content-Type", media); rec.Code < 400 {
		t.Errorf("an unknown field was applied: %s", rec.Body)
	}
	posted := w.must(201, "POST", widgets+"?fieldManager=maker", widget("b", `{"color":"red"}`))
	if get(posted, "metadata", "managedFields") == nil {
		t.Error("a created object has no managers")
	}
	w.must(409, "PATCH", widgets+"/b?fieldManager=other", widget("b", `{"color":"blue"}`), "Content-Type", media)
}

func TestNamesConflict(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	second := strings.NewReplacer("widgets", "gadgets", `"singular":"widget"`, `"singular":"gadget"`, `"wd"`, `"gd"`).Replace(crd(widgetV1))
	w.must(201, "POST", crds, second)
	w.await("gadgets.example.com", func(c *definition) bool {
		return c != nil && len(c.Status.Conditions) == 2 && c.Status.Conditions[0].Status == apiextensionsv1.ConditionFalse
	})
	got := w.must(200, "GET", crds+"/gadgets.example.com", "")
	conditions := get(got, "status", "conditions").([]any)
	w.want(get(conditions[0], "reason"), "ListKindConflict", "reason")
	w.want(get(conditions[1], "reason"), "NotAccepted", "reason")
	w.must(404, "GET", "/apis/example.com/v1/gadgets", "")
	w.must(200, "DELETE", crds+"/widgets.example.com", "")
	w.await("gadgets.example.com", established)
	w.must(200, "GET", "/apis/example.com/v1/gadgets", "")
}

func TestDeletionTakesInstances(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	w.must(201, "POST", widgets, widget("a", `{}`))
	w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"held","finalizers":["example.com/hold"]}}`)
	gone := w.must(200, "DELETE", crds+"/widgets.example.com", "")
	w.want(get(gone, "metadata", "finalizers"), []string{"customresourcecleanup.apiextensions.k8s.io"}, "finalizers")
	w.await("widgets.example.com", func(c *definition) bool {
		return slices.ContainsFunc(c.Status.Conditions, func(x condition) bool { return x.Reason == "InstanceDeletionInProgress" })
	})
	for _, refused := range []map[string]any{
		w.must(403, "POST", widgets, widget("late", `{}`)),
		w.must(403, "PATCH", widgets+"/late?fieldManager=a&dryRun=All", widget("late", `{}`), "Content-Type", "application/apply-patch+yaml"),
	} {
		w.want(refused["message"], `widgets.example.com "late" is forbidden: create not allowed while custom resource definition is terminating`, "message")
	}
	w.must(200, "PATCH", widgets+"/held", `{"metadata":{"finalizers":null}}`, "Content-Type", "application/merge-patch+json")
	w.await("widgets.example.com", func(c *definition) bool { return c == nil })
	w.define(crd(widgetV1))
	list := w.must(200, "GET", widgets, "")
	w.want(len(list["items"].([]any)), 0, "objects of the new definition")
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	v2 := strings.NewReplacer(`"name":"v1"`, `"name":"v2","deprecated":true`, `"storage":true`, `"storage":false`, `"color"`, `"colour"`, ".spec.color", ".spec.colour").Replace(widgetV1)
	beta := strings.NewReplacer(`"name":"v1"`, `"name":"v1beta1","deprecated":true`, `"storage":true`, `"storage":false`).Replace(widgetV1)
	w.define(crd(widgetV1, v2, beta))
	w.must(201, "POST", widgets, widget("a", `{"color":"red","replicas":2}`))
	old := w.do("GET", strings.Replace(widgets, "/v1/", "/v1beta1/", 1), "")
	w.want(old.Header().Get("Warning"), `299 - "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"`, "warning of an older version")
	second := strings.Replace(widgets, "/v1/", "/v2/", 1)
	rec := w.do("GET", second+"/a", "")
	if h := rec.Header().Get("Warning"); !strings.Contains(h, "example.com/v2 Widget is deprecated") {
		t.Errorf("warning: %q", h)
	}
	var got map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	w.want(got["apiVersion"], "example.com/v2", "version")
	w.want(get(got, "spec"), map[string]any{"replicas": 2}, "pruned by its own schema")
	w.must(200, "PATCH", second+"/a", `{"spec":{"replicas":4}}`, "Content-Type", "application/merge-patch+json")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "spec", "replicas"), 4, "replicas by the other version")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "apiVersion"), "example.com/v1", "version")
}

func TestBadDefinitions(t *testing.T) {
	w := newWorld(t)
	for what, change := range map[string][2]string{
		"spec.group":            {`"group":"example.com"`, `"group":"example"`},
		"metadata.name":         {`widgets.example.com`, `other.example.com`},
		"storage version":       {`"storage":true`, `"storage":false`},
		"type: Required":        {`"note":{"type":"string","nullable":true}`, `"note":{"nullable":true}`},
		"compilation failed":    {`self.min <= self.max`, `self.min <= self.nothing`},
		"default":               {`"default":1`, `"default":"one"`},
		"must be one of":        {`"type":"integer","jsonPath"`, `"type":"int","jsonPath"`},
		"should be a json path": {`".spec.replicas","statusReplicasPath"`, `".replicas","statusReplicasPath"`},
		"is an invalid path":    {`{"jsonPath":".spec.color"}`, `{"jsonPath":".spec.nothing"}`},
	} {
		body := strings.Replace(crd(widgetV1), change[0], change[1], 1)
		rec := w.do("POST", crds, body)
		if rec.Code != 422 || !strings.Contains(rec.Body.String(), what) {
			t.Errorf("%s: got %d %s", what, rec.Code, rec.Body)
		}
	}
}

func TestChangeOfSchema(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	w.must(201, "POST", widgets, widget("a", `{"color":"red"}`))
	w.must(200, "PATCH", crds+"/widgets.example.com", `[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size","value":{"type":"integer","default":7}}]`, "Content-Type", "application/json-patch+json")
	ready := w.manager.Changed()
	<-ready // the definition's first appearance, or the change
	for range 100 {
		if get(w.must(200, "GET", widgets+"/a", ""), "spec", "size") != nil {
			return
		}
		<-ready
	}
	t.Error("the new default never showed")
}

// TestNoneServed deletes the objects of a definition of which no version is
// served any more.
func TestNoneServed(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	w.must(201, "POST", widgets, widget("a", `{}`))
	w.must(200, "PATCH", crds+"/widgets.example.com", `[{"op":"replace","path":"/spec/versions/0/served","value":false}]`, "Content-Type", "application/json-patch+json")
	w.must(200, "DELETE", crds+"/widgets.example.com", "")
	w.await("widgets.example.com", func(c *definition) bool { return c == nil })
	w.define(crd(widgetV1))
	w.want(len(w.must(200, "GET", widgets, "")["items"].([]any)), 0, "objects")
}

func TestRestart(t *testing.T) {
	st := local.OpenMemory()
	t.Cleanup(func() { _ = st.Close() }) // after the worlds on it have ended
	t.Run("before", func(t *testing.T) {
		w := newWorldOn(t, st)
		w.define(crd(widgetV1))
		w.must(201, "POST", widgets, widget("a", `{"color":"red"}`))
	})
	w := newWorldOn(t, st)
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "spec", "color"), "red", "after a restart, at the first request")
}

func TestSchemasAreDroppedWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v apiextensionsv1.CustomResourceDefinition
		if err := json.Unmarshal([]byte(crd(widgetV1)), &v); err != nil {
			t.Fatal(err)
		}
		s := newSchemas(func() *definition { return &v })
		if _, err := s.of("v1"); err != nil {
			t.Fatal(err)
		}
		kept := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.compiled != nil || s.merging != nil
		}
		time.Sleep(idleTime / 2)
		if _, err := s.converter(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(idleTime - time.Second)
		synctest.Wait()
		if !kept() {
			t.Error("what was used lately was dropped")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if kept() {
			t.Error("what is idle was kept")
		}
	})
}

func TestDeclaration(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	d := w.manager.Declaration(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}, "Thing")
	if d == nil || d.TypeName() != "Thing" || d.Fields["spec"] == nil || d.Fields["metadata"].Type.Fields["labels"] == nil {
		t.Errorf("got %v", d)
	}
	if d := w.manager.Declaration(schema.GroupVersionKind{Group: "example.com", Version: "v9", Kind: "Widget"}, "Thing"); d != nil {
		t.Errorf("of an unknown version: %v", d)
	}
}

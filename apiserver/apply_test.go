package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

const applyMedia = "application/apply-patch+yaml"

func TestServerSideApply(t *testing.T) {
	w := newWorld(t)
	apply := func(code int, manager, extra, body string) map[string]any {
		t.Helper()
		return w.must(code, "PATCH", deployments+"/d?fieldManager="+manager+extra, body, "Content-Type", applyMedia)
	}
	const one = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, labels: {a: b}}
spec:
  replicas: 2
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: x}]}
`
	made := apply(201, "first", "", one)
	w.want(at(made, "metadata", "managedFields").([]any)[0].(map[string]any)["manager"], "first", "manager")
	w.want(apply(200, "first", "", one), made, "applying the same again changes nothing")
	const two = `{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":5}}`
	conflict := apply(409, "second", "", two)
	w.want(conflict["message"], `Apply failed with 1 conflict: conflict with "first": .spec.replicas`, "conflict")
	w.want(at(conflict, "details", "causes").([]any)[0].(map[string]any)["reason"], "FieldManagerConflict", "cause")
	forced := apply(200, "second", "&force=true", two)
	w.want(at(forced, "spec", "replicas"), 5, "replicas")
	const sidecar = `{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"s","image":"y"}]}}}}`
	both := apply(200, "third", "", sidecar)
	w.want(len(at(both, "spec", "template", "spec", "containers").([]any)), 2, "containers")
	none := apply(200, "third", "", `{"apiVersion":"apps/v1","kind":"Deployment"}`)
	w.want(len(at(none, "spec", "template", "spec", "containers").([]any)), 1, "what is not applied any more goes")

	edited := w.must(200, "PATCH", deployments+"/d?fieldManager=editor", `{"metadata":{"labels":{"a":"c"}}}`, "Content-Type", "application/merge-patch+json")
	text, _ := json.Marshal(at(edited, "metadata", "managedFields"))
	if !strings.Contains(string(text), `"manager":"editor"`) {
		t.Errorf("the editor is not noted: %s", text)
	}
	lost := apply(409, "first", "", strings.Replace(one, "replicas: 2", "replicas: 5", 1))
	w.want(lost["message"], `Apply failed with 1 conflict: conflict with "editor" using apps/v1: .metadata.labels.a`, "conflict")

	w.must(422, "PATCH", deployments+"/d", one, "Content-Type", applyMedia)
	unknown := apply(500, "first", "", `{"apiVersion":"apps/v1","kind":"Deployment","spec":{"foo":1}}`)
	if text := unknown["message"].(string); !strings.Contains(text, ".spec.foo: field not declared in schema") {
		t.Errorf("unknown field: %s", text)
	}
	apply(400, "first", "", "kind: [")
	apply(400, "first", "", `{"apiVersion":"apps/v1","kind":"DaemonSet"}`)
}

func TestApplyToCreated(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms+"?fieldManager=maker", configMap("a", "1"))
	w.inside("POST", cms, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Data: map[string]string{"k": "1"}})
	for name, maker := range map[string]string{"a": "maker", "b": "before-first-apply"} {
		path := cms + "/" + name + "?fieldManager=m"
		body := `{"apiVersion":"v1","kind":"ConfigMap","data":{"k":"2"}}`
		conflict := w.must(409, "PATCH", path, body, "Content-Type", applyMedia)
		w.want(conflict["message"], `Apply failed with 1 conflict: conflict with "`+maker+`" using v1: .data.k`, "conflict")
		forced := w.must(200, "PATCH", path+"&force=true", body, "Content-Type", applyMedia)
		w.want(at(forced, "data", "k"), "2", "data")
	}
}

func TestScaleKeepsItsOwner(t *testing.T) {
	w := newWorld(t)
	const body = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}}}}`
	w.must(201, "PATCH", deployments+"/d?fieldManager=m", body, "Content-Type", applyMedia)
	w.must(200, "PATCH", deployments+"/d/scale?fieldManager=scaler", `{"spec":{"replicas":3}}`, "Content-Type", "application/merge-patch+json")
	again := w.must(200, "PATCH", deployments+"/d?fieldManager=m", body, "Content-Type", applyMedia)
	w.want(at(again, "spec", "replicas"), 3, "replicas, which the scaler set")
}

// TestApplyNeedsCreate keeps the right to patch from becoming one to create.
func TestApplyNeedsCreate(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Authorize = func(_ context.Context, _ *inprocess.User, i *request.Info) error {
			if i.Verb == "create" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: i.Resource}, i.Name, errors.New("no"))
			}
			return nil
		}
	})
	w.must(403, "PATCH", cms+"/a?fieldManager=m", `{"apiVersion":"v1","kind":"ConfigMap"}`, "Content-Type", applyMedia)
}

package apiserver

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	scaledDeployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}}}}`
	mergeMedia       = "application/merge-patch+json"
)

func scaleTo(n int) string {
	return fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":%d}}`, n)
}

// owners are the entries that have the replicas, as "manager operation apiVersion subresource".
func (w *world) owners(path string) string {
	w.Helper()
	var out []string
	managers, _ := at(w.must(200, "GET", path, ""), "metadata", "managedFields").([]any)
	for _, m := range managers {
		if at(m, "fieldsV1", "f:spec", "f:replicas") == nil {
			continue
		}
		e := m.(map[string]any)
		out = append(out, strings.TrimSpace(fmt.Sprint(e["manager"], " ", e["operation"], " ", e["apiVersion"], " ", text(e["subresource"]))))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// TestScaleOwnership goes the way of an object's replicas through many hands. The
// owners are those that upstream's managedfields library gives.
func TestScaleOwnership(t *testing.T) {
	w := newWorld(t)
	const whole, scale = deployments + "/d", deployments + "/d/scale"
	for _, step := range []struct {
		name, method, path, query, media, body string
		code, replicas                         int
		owners, message                        string
	}{
		{"apply the object", "PATCH", whole, "fieldManager=m", applyMedia, scaledDeployment, 201, 1, "m Apply apps/v1", ""},
		{"status through scale is nobody's", "PATCH", scale, "fieldManager=s", mergeMedia, `{"status":{"replicas":42}}`, 200, 1, "m Apply apps/v1", ""},
		{"scale by merge patch", "PATCH", scale, "fieldManager=s", mergeMedia, `{"spec":{"replicas":5}}`, 200, 5, "s Update apps/v1 scale", ""},
		{"the applier conflicts", "PATCH", whole, "fieldManager=m", applyMedia, scaledDeployment, 409, 5, "s Update apps/v1 scale",
			`Apply failed with 1 conflict: conflict with "s" with subresource "scale" using apps/v1: .spec.replicas`},
		{"and forces", "PATCH", whole, "fieldManager=m&force=true", applyMedia, scaledDeployment, 200, 1, "m Apply apps/v1", ""},
		{"apply scale conflicts", "PATCH", scale, "fieldManager=a", applyMedia, scaleTo(17), 409, 1, "m Apply apps/v1",
			`Apply failed with 1 conflict: conflict with "m": .spec.replicas`},
		{"dry run", "PATCH", scale, "fieldManager=a&force=true&dryRun=All", applyMedia, scaleTo(17), 200, 1, "m Apply apps/v1", ""},
		{"and forces", "PATCH", scale, "fieldManager=a&force=true", applyMedia, scaleTo(17), 200, 17, "a Apply apps/v1 scale", ""},
		{"replace", "PUT", scale, "fieldManager=r", "application/json", scaleTo(7), 200, 7, "r Update apps/v1 scale", ""},
		{"apply the same owns too", "PATCH", scale, "fieldManager=co", applyMedia, scaleTo(7), 200, 7, "co Apply apps/v1 scale, r Update apps/v1 scale", ""},
		{"a name in the body is not needed", "PATCH", scale, "fieldManager=co", applyMedia, "apiVersion: autoscaling/v1\nkind: Scale\nspec: {replicas: 7}", 200, 7, "co Apply apps/v1 scale, r Update apps/v1 scale", ""},
		{"scale by JSON patch", "PATCH", scale, "fieldManager=j", "application/json-patch+json", `[{"op":"replace","path":"/spec/replicas","value":5}]`, 200, 5, "j Update apps/v1 scale", ""},
		{"apply scale conflicts with an update", "PATCH", scale, "fieldManager=a", applyMedia, scaleTo(6), 409, 5, "j Update apps/v1 scale",
			`Apply failed with 1 conflict: conflict with "j" with subresource "scale" using autoscaling/v1: .spec.replicas`},
		{"update the object", "PATCH", whole, "fieldManager=u", mergeMedia, `{"spec":{"replicas":2}}`, 200, 2, "u Update apps/v1", ""},
		{"the same number changes nothing", "PUT", scale, "fieldManager=r", "application/json", scaleTo(2), 200, 2, "u Update apps/v1", ""},
	} {
		before := w.must2xx("GET", whole)
		got := w.must(step.code, step.method, step.path+"?"+step.query, step.body, "Content-Type", step.media)
		if step.message != "" {
			w.want(got["message"], step.message, step.name)
		} else if step.path == scale {
			w.want(got["kind"], "Scale", step.name)
			w.want(at(got, "metadata", "managedFields"), nil, step.name+": managedFields of the answer")
		}
		after := w.must(200, "GET", whole, "")
		w.want(at(after, "spec", "replicas"), step.replicas, step.name)
		w.want(w.owners(whole), step.owners, step.name)
		if strings.Contains(step.name, "nothing") || strings.Contains(step.name, "dry") || step.code > 299 {
			w.want(after, before, step.name+" leaves all as it was")
		}
	}
}

// must2xx returns what is there, nil if there is nothing.
func (w *world) must2xx(method, path string) (out map[string]any) {
	w.Helper()
	if rec := w.do(method, path, ""); rec.Code == 200 {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			w.Fatal(err)
		}
	}
	return out
}

// TestScaleOfCreator keeps what else a creator manages when he scales too.
func TestScaleOfCreator(t *testing.T) {
	w := newWorld(t)
	const whole, scale = deployments + "/d", deployments + "/d/scale"
	w.must(201, "POST", deployments+"?fieldManager=m", scaledDeployment)
	w.must(200, "PATCH", scale+"?fieldManager=co", scaleTo(1), "Content-Type", applyMedia)
	w.want(w.owners(whole), "co Apply apps/v1 scale, m Update apps/v1", "owners")
	managers := at(w.must(200, "GET", whole, ""), "metadata", "managedFields").([]any)
	for _, m := range managers {
		if at(m, "manager") == "m" && (at(m, "fieldsV1", "f:spec", "f:selector") == nil || at(m, "time") == nil) || len(managers) != 2 {
			t.Errorf("managers: %v", managers)
		}
	}
	w.must(200, "PATCH", scale+"?fieldManager=m", `{"spec":{"replicas":3}}`, "Content-Type", mergeMedia)
	w.want(w.owners(whole), "m Update apps/v1 scale", "owners")
}

// TestScaleOfUntracked applies to what a part of the server made.
func TestScaleOfUntracked(t *testing.T) {
	w := newWorld(t)
	one := int32(1)
	w.inside("POST", deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: appsv1.DeploymentSpec{Replicas: &one}})
	w.must(200, "PATCH", deployments+"/d/scale?fieldManager=s", `{"spec":{"replicas":2}}`, "Content-Type", mergeMedia)
	w.want(w.owners(deployments+"/d"), "", "owners of what is not tracked")
	conflict := w.must(409, "PATCH", deployments+"/d/scale?fieldManager=a", scaleTo(3), "Content-Type", applyMedia)
	if message := text(conflict["message"]); !strings.Contains(message, "before-first-apply") {
		t.Errorf("conflict: %s", message)
	}
	w.must(200, "PATCH", deployments+"/d/scale?fieldManager=a&force=true", scaleTo(3), "Content-Type", applyMedia)
	w.want(w.owners(deployments+"/d"), "a Apply apps/v1 scale", "owners")
}

// TestScaleValidation holds unknown and repeated fields against what the client
// wants of them.
func TestScaleValidation(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", deployments+"?fieldManager=m", scaledDeployment)
	const scale = deployments + "/d/scale?fieldManager=a&force=true&fieldValidation="
	for _, c := range []struct{ method, media, body, complaint string }{
		{"PUT", "application/json", strings.Replace(scaleTo(1), `"spec":{`, `"spec":{"foo":1,`, 1), `unknown field "spec.foo"`},
		{"PATCH", mergeMedia, `{"spec":{"foo":1}}`, `unknown field "spec.foo"`},
		{"PATCH", applyMedia, scaleTo(1) + "\n", ""},
		{"PATCH", applyMedia, "apiVersion: autoscaling/v1\nkind: Scale\nspec: {replicas: 1}\nspec: {replicas: 1}", `line 4: key "spec" already set in map`},
	} {
		path := scale
		if c.media == mergeMedia {
			path = strings.Replace(path, "force=true&", "", 1)
		}
		strict := w.do(c.method, path+"Strict", c.body, "Content-Type", c.media)
		warned := w.do(c.method, path+"Warn", c.body, "Content-Type", c.media)
		var refusal struct{ Message string }
		if err := json.Unmarshal(strict.Body.Bytes(), &refusal); err != nil {
			t.Fatal(err)
		}
		refused := strict.Code >= 400 && strings.Contains(refusal.Message, c.complaint)
		if refused != (c.complaint != "") || warned.Code != 200 || (warned.Header().Get("Warning") != "") != refused {
			t.Errorf("%s %s: strict %d %s, else %d with Warning %q", c.method, c.body, strict.Code, refusal.Message, warned.Code, warned.Header().Get("Warning"))
		}
	}
}

func TestScaleRefuses(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", deployments+"?fieldManager=m", scaledDeployment)
	for _, refused := range []struct {
		name, query, media, body string
		code                     int
		message                  string
	}{
		{"d", "", applyMedia, scaleTo(1), 422, `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`},
		{"e", "fieldManager=a", applyMedia, scaleTo(1), 404, `deployments/scale.apps "e" not found`},
		{"e", "fieldManager=a", mergeMedia, `{"spec":{"replicas":2}}`, 404, `deployments/scale.apps "e" not found`},
		{"d", "fieldManager=a", applyMedia, `{"apiVersion":"apps/v1","kind":"Deployment"}`, 400, "invalid object type: apps/v1, Kind=Deployment"},
		{"d", "fieldManager=a", applyMedia, `{"apiVersion":"apps/v1","kind":"Scale","spec":{"replicas":1}}`, 400, "invalid object type: apps/v1, Kind=Scale"},
		{"d", "fieldManager=a", applyMedia, `{"kind":"Scale"}`, 400, "invalid object type: /, Kind=Scale"},
		{"d", "fieldManager=a", applyMedia, strings.Replace(scaleTo(1), `"d"`, `"e"`, 1), 400, "the name of the object (e) does not match the name on the URL (d)"},
		{"d", "fieldManager=a&force=true", applyMedia, scaleTo(-1), 422, `Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"d", "fieldManager=a", applyMedia, `{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"foo":1}}`, 500, "failed to create typed patch object (/d; autoscaling/v1, Kind=Scale): .spec.foo: field not declared in schema"},
		{"d", "fieldManager=a", applyMedia, `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"managedFields":[{}]}}`, 400, "metadata.managedFields must be nil"},
		{"d", "fieldManager=a&force=true", applyMedia, `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}`, 409,
			`Operation cannot be fulfilled on deployments.apps "d": the object has been modified; please apply your changes to the latest version and try again`},
		{"d", "force=true", mergeMedia, `{"spec":{"replicas":2}}`, 422, `PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch`},
	} {
		got := w.must(refused.code, "PATCH", deployments+"/"+refused.name+"/scale?"+refused.query, refused.body, "Content-Type", refused.media)
		w.want(got["message"], refused.message, refused.body)
	}
	w.want(w.must(404, "GET", deployments+"/e/scale", "")["message"], `deployments/scale.apps "e" not found`, "GET")
	whole := w.must(200, "GET", deployments+"/d", "")
	w.want(at(whole, "spec", "replicas"), 1, "replicas")
	uid := text(at(whole, "metadata", "uid"))
	other := w.must(409, "PATCH", deployments+"/d/scale", `{"metadata":{"uid":"x"},"spec":{"replicas":3}}`, "Content-Type", mergeMedia)
	w.want(other["message"], `Operation cannot be fulfilled on deployments/scale.apps "d": Precondition failed: UID in precondition: x, UID in object meta: `+uid, "UID")
	other = w.must(409, "PUT", deployments+"/d/scale", strings.Replace(scaleTo(3), `"name"`, `"uid":"x","name"`, 1))
	if message := text(other["message"]); !strings.Contains(message, "AdditionalErrorMsg: Precondition failed: UID in precondition: x, UID in object meta: "+uid) {
		t.Errorf("UID of a PUT: %s", message)
	}
}

package apiserver

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

const deployments = "/apis/apps/v1/namespaces/default/deployments"

func TestPatches(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", deployments, `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},
		"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"one","image":"x"}]}}},"status":{"replicas":9}}`)
	w.want(at(made, "status", "replicas"), nil, "a status is not created")
	w.want(at(made, "spec", "replicas"), 1, "default")
	w.want(at(made, "metadata", "generation"), 1, "generation")
	merged := w.must(200, "PATCH", deployments+"/d", `{"spec":{"template":{"spec":{"containers":[{"name":"two","image":"y"}]}}}}`,
		"Content-Type", "application/strategic-merge-patch+json")
	w.want(len(at(merged, "spec", "template", "spec", "containers").([]any)), 2, "containers merge by name")
	replaced := w.must(200, "PATCH", deployments+"/d", `[{"op":"replace","path":"/spec/replicas","value":3}]`, "Content-Type", "application/json-patch+json")
	w.want(at(replaced, "spec", "replicas"), 3, "replicas")
	w.want(at(replaced, "metadata", "generation"), 2, "generation")
	status := w.must(200, "PATCH", deployments+"/d/status", `{"spec":{"replicas":7},"status":{"replicas":3}}`, "Content-Type", "application/merge-patch+json")
	w.want(at(status, "spec", "replicas"), 3, "spec through status")
	w.want(at(status, "status", "replicas"), 3, "status")
	same := w.must(200, "PATCH", deployments+"/d/status", `{"status":{"replicas":3}}`, "Content-Type", "application/merge-patch+json")
	w.want(same, status, "a patch that changes nothing")
	w.must(422, "PATCH", deployments+"/d?force=true", `{}`, "Content-Type", "application/merge-patch+json")
}

func TestScale(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", deployments, `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}}}}`)
	scale := w.must(200, "GET", deployments+"/d/scale", "")
	w.want(scale["kind"], "Scale", "kind")
	w.want(at(scale, "status", "selector"), "a=b", "selector")
	set := w.must(200, "PUT", deployments+"/d/scale", `{"metadata":{"name":"d"},"spec":{"replicas":4}}`)
	w.want(at(set, "spec", "replicas"), 4, "replicas")
	set = w.must(200, "PATCH", deployments+"/d/scale", `{"spec":{"replicas":5}}`, "Content-Type", "application/merge-patch+json")
	w.want(at(set, "spec", "replicas"), 5, "replicas")
	w.want(at(w.must(200, "GET", deployments+"/d", ""), "metadata", "generation"), 3, "generation")
	bad := w.must(422, "PUT", deployments+"/d/scale", `{"metadata":{"name":"d"},"spec":{"replicas":-1}}`)
	w.want(bad["message"], `Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`, "message")
	w.must(409, "PUT", deployments+"/d/scale", `{"metadata":{"name":"d","resourceVersion":"1"},"spec":{"replicas":1}}`)
}

func TestCreateVariants(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", cms, `{"metadata":{"generateName":"x-"}}`)
	if name := at(made, "metadata", "name").(string); len(name) != 7 {
		t.Errorf("generated name %q", name)
	}
	dry := w.must(201, "POST", cms+"?dryRun=All", configMap("dry", "1"))
	w.want(at(dry, "metadata", "name"), "dry", "dry run")
	w.must(404, "GET", cms+"/dry", "")
	// As a copy of an object that is read has it: only the storage refuses it.
	read := `{"metadata":{"name":"dry","resourceVersion":"5"}}`
	w.want(at(w.must(201, "POST", cms+"?dryRun=All", read), "metadata", "resourceVersion"), "5", "resourceVersion of a dry run")
	w.must(500, "POST", cms, read)
	for _, none := range []string{"0", "", "x"} {
		made := w.must(201, "POST", cms, `{"metadata":{"generateName":"x-","resourceVersion":"`+none+`"}}`)
		if got := at(made, "metadata", "resourceVersion"); got == none {
			t.Errorf("resourceVersion %q was kept", got)
		}
	}
	w.must(405, "POST", cms+"/x", configMap("x", "1"))
}

func TestPatchFieldValidation(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	const body = `{"unknown":1,"data":{"k":"2","k":"3"}}`
	for _, media := range []string{"application/merge-patch+json", "application/strategic-merge-patch+json"} {
		got := w.must(422, "PATCH", cms+"/a?fieldValidation=Strict", body, "Content-Type", media)
		if text := got["message"].(string); !strings.Contains(text, `strict decoding error: duplicate field "data.k", unknown field "unknown"`) {
			t.Errorf("%s: %s", media, text)
		}
	}
	rec := w.do("PATCH", cms+"/a", body, "Content-Type", "application/merge-patch+json")
	w.want(rec.Header()["Warning"], []string{`299 - "duplicate field \"data.k\""`, `299 - "unknown field \"unknown\""`}, "warnings")
	got := w.must(400, "PATCH", cms+"/a?fieldManager=m&fieldValidation=Strict", "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n  a: c\n", "Content-Type", applyMedia)
	if text := got["message"].(string); !strings.HasPrefix(text, "error strict decoding patch: ") || !strings.Contains(text, `line 5: key "a" already set in map`) {
		t.Errorf("apply: %s", text)
	}
	rec = w.do("PUT", cms+"/a", "metadata: {name: a}\ndata: {a: b}\ndata: {a: c}\nkind: ConfigMap\nkind: ConfigMap\n", "Content-Type", "application/yaml")
	w.want(rec.Header()["Warning"], []string{`299 - "line 3: key \"data\" already set in map"`, `299 - "line 5: key \"kind\" already set in map"`}, "warnings of YAML")
}

// TestPatchedKind: a patch may not make another kind of an object. Without one it
// is the path's.
func TestPatchedKind(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	w.Server.cfg.KindName = func(named, _ schema.GroupVersionKind) string {
		if named.Kind == "Pod" {
			return "core.Pod"
		}
		return ""
	}
	for body, want := range map[string]string{
		`{"kind":null}`:         "",
		`{"kind":""}`:           "",
		`{"kind":"Other"}`:      `no kind "Other" is registered for version "v1"`,
		`{"apiVersion":"a/b"}`:  `no kind "ConfigMap" is registered for version "a/b"`,
		`{"kind":"Pod"}`:        "unable to decode /v1, Kind=Pod into /v1, Kind=ConfigMap",
		`{"kind":1}`:            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
		`{"apiVersion":["v1"]}`: "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go struct field .apiVersion of type string",
	} {
		t.Run(body, func(t *testing.T) {
			w := &world{t, w.Server}
			if want == "" {
				w.want(w.must(200, "PATCH", cms+"/a", body, "Content-Type", "application/merge-patch+json")["kind"], "ConfigMap", "kind")
				return
			}
			text, _ := w.must(422, "PATCH", cms+"/a", body, "Content-Type", "application/merge-patch+json")["message"].(string)
			if !strings.HasSuffix(text, ": "+want) {
				t.Errorf("got %q, want %q", text, want)
			}
		})
	}
}

package customresource

import (
	"strings"
	"testing"
)

// TestRequests does what Kubernetes 1.37 answers in a way of its own for custom
// resources.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	w.define(crd(strings.Replace(widgetV1, `"additionalPrinterColumns":[`,
		`"additionalPrinterColumns":[{"name":"Note","type":"string","jsonPath":".spec.note"},`, 1)))
	const apply, merge, jsonPatch = applyMedia, mergeMedia, "application/json-patch+json"
	w.must(201, "POST", widgets, widget("a", `{"note":null,"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}}}`))
	const named = `"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"}`
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io"
	protobuf, partial := "application/vnd.kubernetes.protobuf", ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
	for name, tt := range map[string]struct {
		method, path, media, body, accept string
		code                              int
		want                              string // part of the body, or "Warning: " and part of one
	}{
		"no resourceVersion":       {"PUT", "/a", "", widget("a", `{}`), "", 422, `widgets.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update`},
		"of a status":              {"PUT", "/a/status", "", widget("a", `{}`), "", 422, `must be specified for an update`},
		"null applied":             {"PATCH", "/a?fieldManager=m&force=true", apply, `{` + named + `,"spec":{"color":null}}`, "", 422, `spec.color: Invalid value: \"null\": spec.color in body must be of type string: \"null\"`},
		"null applied to a new":    {"PATCH", "/b?fieldManager=m", apply, `{"apiVersion":"example.com/v1","kind":"Widget","spec":{"min":null}}`, "", 422, `spec.min: Invalid value: \"null\"`},
		"null that has a default":  {"PATCH", "/a?fieldManager=m&force=true", apply, `{` + named + `,"spec":{"replicas":null}}`, "", 200, `"replicas":1`},
		"null that may be":         {"PATCH", "/a?fieldManager=m&force=true", apply, `{` + named + `,"spec":{"note":null}}`, "", 200, `"note":null`},
		"embedded metadata":        {"PATCH", "/a?fieldManager=m&force=true", apply, `{` + named + `,"spec":{"template":{"metadata":{"foo":1}}}}`, "", 500, `(/a; example.com/v1, Kind=Widget): .spec.template.metadata.foo: field not declared in schema`},
		"applied kind":             {"PATCH", "/a?fieldManager=m", apply, `{"apiVersion":"example.com/v1","kind":"Other"}`, "", 400, `"message":"invalid object type: example.com/v1, Kind=Other"`},
		"applied list":             {"PATCH", "/a?fieldManager=m", apply, `[]`, "", 400, `error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array`},
		"patch of the kind":        {"PATCH", "/a", merge, `{"kind":"Other"}`, "", 422, `Other.example.com \"a\" is invalid: kind: Invalid value: \"Other\": must be Widget`},
		"patch of the version":     {"PATCH", "/a", merge, `{"apiVersion":"v1"}`, "", 422, `Widget \"a\" is invalid: apiVersion: Invalid value: \"v1\": must be example.com/v1`},
		"patch of no kind":         {"PATCH", "/a", merge, `{"kind":null}`, "", 422, `Object 'Kind' is missing in`},
		"status patch of the kind": {"PATCH", "/a/status", merge, `{"kind":"Other"}`, "", 200, `"kind":"Widget"`},
		"patch of the uid":         {"PATCH", "/a", merge, `{"metadata":{"uid":"x"}}`, "", 422, `metadata.uid: Invalid value: \"x\": field is immutable`},
		"status patch of the uid":  {"PATCH", "/a/status", merge, `{"metadata":{"uid":"x"}}`, "", 200, `"kind":"Widget"`},
		"strict patch":             {"PATCH", "/a?fieldValidation=Strict", merge, `{"spec":{"zz":1}}`, "", 422, `strict decoding error: unknown field \"spec.zz\"`},
		"no patch":                 {"PATCH", "/a", merge, `{`, "", 400, `"message":"invalid JSON patch"`},
		"no operations":            {"PATCH", "/a", jsonPatch, `{}`, "", 400, `error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp`},
		"another namespace":        {"PATCH", "/a", merge, `{"metadata":{"namespace":"other"}}`, "", 400, `the namespace of the provided object does not match the namespace sent on the request`},
		"finalizer":                {"PATCH", "/a?dryRun=All", merge, `{"metadata":{"finalizers":["foo"]}}`, "", 200, `Warning: prefer a domain-qualified finalizer name to avoid`},
		"finalizer with a dot":     {"PATCH", "/a?dryRun=All", merge, `{"metadata":{"finalizers":["foo.bar"]}}`, "", 200, `Warning: including a path (/)`},
		"negative replicas":        {"PATCH", "/a/status", merge, `{"status":{"replicas":-1}}`, "", 422, `.status.replicas: Invalid value: -1: should be a non-negative integer`},
		"selector of a number":     {"PATCH", "/a/status", merge, `{"status":{"selector":1}}`, "", 422, `.status.selector: Invalid value: \"\": .status.selector accessor error: 1 is of the type int64, expected string`},
		"no kind":                  {"POST", "", "", `{"apiVersion":"example.com/v1","metadata":{"name":"c"}}`, "", 400, `the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in`},
		"no version":               {"POST", "", "", `{"kind":"Widget","metadata":{"name":"c"}}`, "", 400, `the API version in the data () does not match the expected API version (example.com/v1)`},
		"kind of a number":         {"POST", "", "", `{"apiVersion":"example.com/v1","kind":1}`, "", 400, `json: cannot unmarshal number into Go struct field .kind of type string`},
		"no such subresource":      {"GET", "/a/foo", "", "", "text/plain", 404, `widgets.example.com \"a\" not found`},
		"verb of a status":         {"DELETE", "/a/status", "", "", "", 405, `delete is not supported on resources of kind \"widgets.example.com\"`},
		"put on the collection":    {"PUT", "", "", `{}`, "", 400, `name must be provided`},
		"protobuf":                 {"GET", "/a", "", "", protobuf, 406, "only the following media types are accepted"},
		"protobuf or JSON":         {"GET", "/a", "", "", protobuf + ",application/json", 200, `"kind":"Widget"`},
		"metadata in protobuf":     {"GET", "/a", "", "", protobuf + partial, 200, "PartialObjectMetadata"},
		"list in protobuf":         {"GET", "", "", "", protobuf, 406, "only the following media types are accepted"},
		"metadata of none":         {"GET", "/none", "", "", protobuf + partial, 404, `"message":"widgets.example.com \"none\" not found"`},
		"list":                     {"GET", "", "", "", "", 200, `"metadata":{"continue":"","resourceVersion":"`},
		"list as metadata":         {"GET", "", "", "", "application/json" + partial, 406, `the requested object is a list (*unstructured.UnstructuredList)`},
		"null in a table":          {"GET", "/a", "", "", table, 200, `"cells":["a","\u003cno value\u003e",1,null]`},
		"Scale in a table":         {"GET", "/a/scale", "", "", table, 200, `"cells":["a",1,0,"`},
		"metadata of a Scale":      {"GET", "/a/scale", "", "", "application/json" + partial, 200, `"kind":"PartialObjectMetadata"`},
		"field of no use":          {"GET", "?fieldSelector=metadata.uid%3Dx", "", "", "", 400, `field label not supported: metadata.uid`},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.do(tt.method, widgets+tt.path, tt.body, "Content-Type", tt.media, "Accept", tt.accept)
			if rec.Code != tt.code {
				t.Errorf("got %d, want %d: %s", rec.Code, tt.code, rec.Body)
			}
			got, want := rec.Body.String(), tt.want
			if of, warning := strings.CutPrefix(want, "Warning: "); warning {
				got, want = strings.Join(rec.Header().Values("Warning"), "\n"), of
			}
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// What leads nowhere in a group that is not built in is answered with text.
func TestNoSuchPath(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1, strings.NewReplacer(`"name":"v1"`, `"name":"v2"`, `"served":true,"storage":true`, `"served":false,"storage":false`).Replace(widgetV1)))
	const page, status = "404 page not found\n", `"message":"the server could not find the requested resource"`
	for path, want := range map[string]string{
		"/apis/example.com/v1/gadgets": page, "/apis/example.com/v2/widgets": page, "/apis/example.com/v9/widgets": page, "/apis/other.com/v1/gadgets": page,
		"/apis/example.com/v1/widgets/a": page, "/apis/apps/v1/gadgets": status, "/apis/apps/v9/deployments": status, "/api/v1/gadgets": status,
	} {
		if rec := w.do("GET", path, ""); rec.Code != 404 || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, rec.Code, rec.Body, want)
		}
	}
}

// TestVersionsDiffer writes and reads objects of versions whose schemas differ: what is
// stored has the fields of the stored version, and its defaults.
func TestVersionsDiffer(t *testing.T) {
	version := func(name, storage, fields string) string {
		return `{"name":"` + name + `","served":true,"storage":` + storage + `,"schema":{"openAPIV3Schema":{"type":"object","properties":{
			"spec":{"type":"object","properties":{"a":{"type":"string"},` + fields + `}}}}}}`
	}
	w := newWorld(t)
	w.define(crd(version("v1", "true", `"both":{"type":"string","default":"of v1"},"first":{"type":"string","default":"f"}`),
		version("v2", "false", `"both":{"type":"string"},"second":{"type":"string","default":"s"}`)))
	v2 := strings.Replace(widgets, "/v1/", "/v2/", 1)
	second := strings.Replace(widget("b", `{"a":"x","second":"given"}`), "/v1", "/v2", 1)
	inV1, inV2 := map[string]any{"a": "x", "both": "of v1", "first": "f"}, map[string]any{"a": "x", "both": "of v1"}

	w.want(get(w.must(201, "POST", v2+"?dryRun=All", second), "spec"), inV2, "what a dry run in v2 answers")
	w.want(get(w.must(201, "POST", v2, second), "spec"), inV2, "what a write in v2 answers")
	w.must(201, "POST", widgets, widget("a", `{"a":"x"}`))
	for _, name := range []string{"a", "b"} {
		w.want(get(w.must(200, "GET", widgets+"/"+name, ""), "spec"), inV1, name+" in v1")
		w.want(get(w.must(200, "GET", v2+"/"+name, ""), "spec"), inV2, name+" in v2")
	}
	patched := w.must(200, "PATCH", v2+"/a", `{"spec":{"both":"mine"}}`, "Content-Type", mergeMedia)
	w.want(get(patched, "spec"), map[string]any{"a": "x", "both": "mine"}, "patched in v2")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "spec"), map[string]any{"a": "x", "both": "mine", "first": "f"}, "patched, in v1")
}

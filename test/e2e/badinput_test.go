//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	configMaps = "/api/v1/namespaces/default/configmaps"
	pods       = "/api/v1/namespaces/default/pods"
	services   = "/api/v1/namespaces/default/services"

	mergePatch     = "application/merge-patch+json"
	jsonPatch      = "application/json-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"
	yamlBody       = "application/yaml"
	jsonBody       = "application/json"

	// bodyLimit is the most that Kubernetes reads of a body.
	bodyLimit = 3 << 20
	// growthLimit is by how much one body may raise the server's peak memory.
	growthLimit = 64 << 20
)

// badRequest is one request that must be refused, and how.
type badRequest struct {
	name, method, path, media, body string
	code                            int32
	reason                          metav1.StatusReason
	// message is a part of what the answer says.
	message string
	// causes are the answer's causes, each "field: a part of its text".
	causes []string
}

// TestBadInput: what no server should accept gets the code, the reason and the
// field path that Kubernetes gives, and costs the server a bounded amount of
// memory.
func TestBadInput(t *testing.T) {
	c := up(t, 1, "--isolated")
	api := c.admin()
	server := c.server()
	for _, seed := range []struct{ path, body string }{
		{configMaps, `{"metadata":{"name":"a","finalizers":["example.com/kept"]},"data":{"k":"v"}}`},
		{configMaps, `{"metadata":{"name":"fixed"},"immutable":true,"data":{"k":"v"}}`},
		{pods, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"toolbox","imagePullPolicy":"Never"}]}}`},
		{services, `{"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}}`},
	} {
		if code, text := api.do("POST", seed.path, jsonBody, seed.body); code != http.StatusCreated {
			t.Fatalf("create in %s: %d %s", seed.path, code, text)
		}
	}
	for _, list := range [][]badRequest{badBodies(), badObjects(), badUpdates(), badPatches(), badQueries()} {
		for _, r := range list {
			t.Run(r.name, func(t *testing.T) {
				before := server.resetPeak(t)
				r.check(t, api)
				if grown := server.peak(t) - before; grown > growthLimit {
					t.Errorf("the server's memory grew by %d MiB", grown>>20)
				}
			})
		}
	}
	t.Run("the server still serves", func(t *testing.T) {
		if code, text := api.do("GET", configMaps+"/a", "", ""); code != http.StatusOK || !strings.Contains(text, `"k":"v"`) {
			t.Errorf("got %d %s", code, text)
		}
	})
}

func (r badRequest) check(t *testing.T, api *adminClient) {
	t.Helper()
	code, text := api.do(r.method, r.path, r.media, r.body)
	var got metav1.Status
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Kind != "Status" {
		t.Fatalf("wanted a Status, got %d %.300s", code, text)
	}
	if code != int(r.code) || got.Code != r.code || got.Reason != r.reason || !strings.Contains(got.Message, r.message) {
		t.Errorf("wanted %d %s …%s…\n   got %d %s %.600s", r.code, r.reason, r.message, code, got.Reason, got.Message)
	}
	var causes []metav1.StatusCause
	if got.Details != nil {
		causes = got.Details.Causes
	}
	if len(r.causes) == 0 {
		return
	}
	if len(causes) != len(r.causes) {
		t.Errorf("wanted the causes %q, got %+v", r.causes, causes)
		return
	}
	for i, cause := range causes {
		field, part, _ := strings.Cut(r.causes[i], ": ")
		if cause.Field != field || !strings.Contains(cause.Message, part) {
			t.Errorf("cause %d: wanted %s, got %s: %s (%s)", i, r.causes[i], cause.Field, cause.Message, cause.Type)
		}
	}
}

// badBodies are bodies that are no objects, or too much.
func badBodies() []badRequest {
	const bad, large = metav1.StatusReasonBadRequest, metav1.StatusReasonRequestEntityTooLarge
	deep := strings.Repeat(`{"a":`, bodyLimit/8) + "1" + strings.Repeat("}", bodyLimit/8)
	return []badRequest{
		{name: "no body", method: "POST", path: configMaps, media: jsonBody, code: 400, reason: bad, message: "unexpected end of JSON input"},
		{name: "cut off", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":`, code: 400, reason: bad, message: "unexpected end of JSON input"},
		{name: "not JSON", method: "POST", path: configMaps, media: jsonBody, body: "hello", code: 400, reason: bad, message: "invalid character 'h' looking for beginning of value"},
		{name: "invalid UTF-8 in a key of YAML", method: "POST", path: configMaps, media: yamlBody, body: "metadata: {name: \xff}", code: 400, reason: bad, message: "yaml: "},
		{name: "a list", method: "POST", path: configMaps, media: jsonBody, body: "[]", code: 400, reason: bad, message: "cannot unmarshal array"},
		{name: "another kind", method: "POST", path: configMaps, media: jsonBody, body: `{"apiVersion":"v1","kind":"Pod"}`, code: 400, reason: bad, message: `Pod in version "v1" cannot be handled as a ConfigMap`},
		{name: "wrong type", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":"c"}}`, code: 400, reason: bad, message: `Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container`},
		{name: "bad quantity", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"a lot"}}}]}}`, code: 400, reason: bad, message: "quantities must match the regular expression"},
		{name: "unknown field", method: "POST", path: pods + "?fieldValidation=Strict", media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"container":[],"containers":[{"name":"c","image":"i","foo":1}]}}`, code: 400, reason: bad, message: `Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.container", unknown field "spec.containers[0].foo"`},
		{name: "duplicate field", method: "POST", path: configMaps + "?fieldValidation=Strict", media: jsonBody, body: `{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}`, code: 400, reason: bad, message: `strict decoding error: duplicate field "data.a"`},
		{name: "duplicate key of YAML", method: "POST", path: configMaps + "?fieldValidation=Strict", media: yamlBody, body: "metadata: {name: x}\ndata: {a: b}\ndata: {a: c}\n", code: 400, reason: bad, message: `key "data" already set in map`},
		{name: "deep JSON", method: "POST", path: configMaps, media: jsonBody, body: deep, code: 400, reason: bad},
		{name: "deep YAML", method: "POST", path: configMaps, media: yamlBody, body: strings.Repeat("[", 90000), code: 400, reason: bad, message: "max depth"},
		{name: "deeper YAML", method: "POST", path: configMaps, media: yamlBody, body: strings.Repeat("[", 200000), code: 413, reason: large, message: "YAML nodes"},
		{name: "deep block YAML", method: "POST", path: configMaps, media: yamlBody, body: strings.Repeat("- ", 100000), code: 400, reason: bad, message: "max depth"},
		{name: "wide YAML", method: "POST", path: configMaps, media: yamlBody, body: "[" + strings.Repeat("a,", bodyLimit/2-2) + "]", code: 413, reason: large, message: "YAML nodes"},
		{name: "aliases of aliases", method: "POST", path: configMaps, media: yamlBody, body: aliases(), code: 400, reason: bad},
		{name: "aliases of a long text", method: "POST", path: configMaps, media: yamlBody, body: "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 1000) + "]\n", code: 400, reason: bad},
		{name: "merges without end", method: "POST", path: configMaps, media: yamlBody, body: "a: &a {x: y}\nb: {" + strings.Repeat("<<: *a, ", 40000) + "}\n", code: 400, reason: bad},
		{name: "more merges", method: "POST", path: configMaps, media: yamlBody, body: "a: &a {x: y}\nb: {" + strings.Repeat("<<: *a, ", 100000) + "}\n", code: 413, reason: large, message: "YAML nodes"},
		{name: "too large", method: "POST", path: configMaps, media: jsonBody, body: `{"data":{"a":"` + strings.Repeat("x", bodyLimit) + `"}}`, code: 413, reason: large, message: "Request entity too large: limit is 3145728"},
		{name: "much too large", method: "PUT", path: configMaps + "/a", media: jsonBody, body: strings.Repeat(" ", 40<<20), code: 413, reason: large, message: "limit is 3145728"},
		{name: "many empty objects", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":[` + strings.Repeat("{},", bodyLimit/6) + `{}]}}`, code: 413, reason: large, message: "list elements"},
		{name: "many wrong objects", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":[` + strings.Repeat("{},", 14000) + `{}]}}`, code: 422, reason: metav1.StatusReasonInvalid, message: "spec.containers[0].name: Required value"},
		{name: "many unknown fields", method: "POST", path: configMaps + "?fieldValidation=Strict", media: jsonBody, body: manyFields(50000), code: 400, reason: bad, message: "strict decoding error"},
		{name: "more unknown fields", method: "POST", path: configMaps, media: jsonBody, body: manyFields(150000), code: 413, reason: large, message: "limit is 60000 fields"},
		{name: "JSON said to be YAML", method: "POST", path: configMaps, media: yamlBody, body: `{"metadata":{"name":"A_b"}}`, code: 422, reason: metav1.StatusReasonInvalid, message: `ConfigMap "A_b" is invalid`},
		{name: "YAML said to be JSON", method: "POST", path: configMaps, media: jsonBody, body: "metadata: {name: x}", code: 400, reason: bad, message: "invalid character 'm'"},
		{name: "JSON said to be protobuf", method: "POST", path: configMaps, media: "application/vnd.kubernetes.protobuf", body: `{"metadata":{"name":"x"}}`, code: 400, reason: bad},
		{name: "protobuf that promises much", method: "POST", path: configMaps, media: "application/vnd.kubernetes.protobuf", body: "k8s\x00\x0a\xff\xff\xff\xff\x07", code: 400, reason: bad},
		{name: "plain text", method: "POST", path: configMaps, media: "text/plain", body: "{}", code: 415, reason: metav1.StatusReasonUnsupportedMediaType, message: "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"},
		{name: "form", method: "POST", path: configMaps, media: "application/x-www-form-urlencoded", body: "a=b", code: 415, reason: metav1.StatusReasonUnsupportedMediaType, message: "unknown format"},
		{name: "compressed", method: "POST", path: configMaps, media: jsonBody + "\nContent-Encoding: gzip", body: compressed(256 << 20), code: 400, reason: bad},
	}
}

// badObjects are objects that break a rule of their kind.
func badObjects() []badRequest {
	const invalid = metav1.StatusReasonInvalid
	return []badRequest{
		{name: "no name", method: "POST", path: configMaps, media: jsonBody, body: "{}", code: 422, reason: invalid, causes: []string{"metadata.name: Required value: name or generateName is required"}},
		{name: "name that is no subdomain", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"A_b"}}`, code: 422, reason: invalid, causes: []string{"metadata.name: a lowercase RFC 1123 subdomain must consist of"}},
		{name: "name that is too long", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"` + strings.Repeat("a", 254) + `"}}`, code: 422, reason: invalid, causes: []string{"metadata.name: must be no more than 253"}},
		{name: "name with a slash", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"a/b"}}`, code: 422, reason: invalid},
		{name: "namespace that is no label", method: "POST", path: "/api/v1/namespaces", media: jsonBody, body: `{"metadata":{"name":"a.b"}}`, code: 422, reason: invalid, causes: []string{"metadata.name: must not contain dots"}},
		{name: "service that is no label", method: "POST", path: services, media: jsonBody, body: `{"metadata":{"name":"S"},"spec":{"ports":[{"port":80}]}}`, code: 422, reason: invalid, causes: []string{"metadata.name: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"}},
		{name: "bad label", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"x","labels":{"a":"b c"}}}`, code: 422, reason: invalid, causes: []string{"metadata.labels: a valid label must be an empty string or consist of"}},
		{name: "annotations beyond 256 KiB", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"x","annotations":{"a":"` + strings.Repeat("x", 256<<10) + `"}}}`, code: 422, reason: invalid, causes: []string{"metadata.annotations: Too long: may not be more than 262144 bytes"}},
		{name: "data beyond 1 MiB", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"x"},"data":{"a":"` + strings.Repeat("x", 1<<20+1) + `"}}`, code: 422, reason: invalid, causes: []string{"[]: Too long: may not be more than 1048576 bytes"}},
		{name: "duplicate service ports", method: "POST", path: services, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"ports":[{"name":"a","port":80},{"name":"b","port":80}]}}`, code: 422, reason: invalid, causes: []string{`spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}`}},
		{name: "duplicate service port names", method: "POST", path: services, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"ports":[{"name":"a","port":80},{"name":"a","port":81}]}}`, code: 422, reason: invalid, causes: []string{`spec.ports[1].name: Duplicate value: "a"`}},
		{name: "port out of range", method: "POST", path: services, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"ports":[{"port":65536}]}}`, code: 422, reason: invalid, causes: []string{"spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive", "spec.ports[0].targetPort: must be between 1 and 65535, inclusive"}},
		{name: "duplicate container ports", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"name":"a","containerPort":1},{"name":"a","containerPort":2}]}]}}`, code: 422, reason: invalid, causes: []string{`spec.containers[0].ports[1].name: Duplicate value: "a"`}},
		{name: "duplicate containers", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"},{"name":"c","image":"i"}]}}`, code: 422, reason: invalid, causes: []string{`spec.containers[1].name: Duplicate value: "c"`}},
		{name: "no containers", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{}}`, code: 422, reason: invalid, causes: []string{"spec.containers: Required value"}},
		{name: "no such service account", method: "POST", path: pods, media: jsonBody, body: `{"metadata":{"name":"x"},"spec":{"serviceAccountName":"nobody","containers":[{"name":"c","image":"i"}]}}`, code: 403, reason: metav1.StatusReasonForbidden, message: `pods "x" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found`},
		{name: "no such namespace", method: "POST", path: "/api/v1/namespaces/none/configmaps", media: jsonBody, body: `{"metadata":{"name":"x"}}`, code: 404, reason: metav1.StatusReasonNotFound, message: `namespaces "none" not found`},
		{name: "exists", method: "POST", path: configMaps, media: jsonBody, body: `{"metadata":{"name":"a"}}`, code: 409, reason: metav1.StatusReasonAlreadyExists, message: `configmaps "a" already exists`},
	}
}

// badUpdates change what may not change, or something that is gone.
func badUpdates() []badRequest {
	const invalid = metav1.StatusReasonInvalid
	return []badRequest{
		{name: "stale resourceVersion", method: "PUT", path: configMaps + "/a", media: jsonBody, body: `{"metadata":{"name":"a","resourceVersion":"1"}}`, code: 409, reason: metav1.StatusReasonConflict, message: `Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again`},
		{name: "another uid", method: "PUT", path: configMaps + "/a", media: jsonBody, body: `{"metadata":{"name":"a","uid":"x"}}`, code: 409, reason: metav1.StatusReasonConflict, message: "Precondition failed: UID in precondition: x"},
		{name: "another name", method: "PUT", path: configMaps + "/a", media: jsonBody, body: `{"metadata":{"name":"b"}}`, code: 400, reason: metav1.StatusReasonBadRequest, message: "the name of the object (b) does not match the name on the URL (a)"},
		{name: "immutable config map", method: "PATCH", path: configMaps + "/fixed", media: mergePatch, body: `{"data":{"k":"w"}}`, code: 422, reason: invalid, causes: []string{"data: Forbidden: field is immutable when `immutable` is set"}},
		{name: "immutable no more", method: "PATCH", path: configMaps + "/fixed", media: mergePatch, body: `{"immutable":false}`, code: 422, reason: invalid, causes: []string{"immutable: Forbidden: field is immutable when `immutable` is set"}},
		{name: "pod's command", method: "PATCH", path: pods + "/p", media: strategicPatch, body: `{"spec":{"containers":[{"name":"c","command":["x"]}]}}`, code: 422, reason: invalid, causes: []string{"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"}},
		{name: "service's address", method: "PATCH", path: services + "/s", media: mergePatch, body: `{"spec":{"clusterIP":"10.96.0.77"}}`, code: 422, reason: invalid, causes: []string{`spec.clusterIPs[0]: Invalid value: ["10.96.0.77"]: may not change once set`}},
		{name: "finalizer that is no name", method: "PATCH", path: configMaps + "/a", media: mergePatch, body: `{"metadata":{"finalizers":["a b"]}}`, code: 422, reason: invalid, causes: []string{"metadata.finalizers: name part must consist of", "metadata.finalizers[0]: name is neither a standard finalizer name"}},
	}
}

// badPatches are patches that do not fit, or grow.
func badPatches() []badRequest {
	const bad, invalid = metav1.StatusReasonBadRequest, metav1.StatusReasonInvalid
	operations := "[" + strings.Repeat(`{"op":"copy","from":"/k","path":"/x"},`, bodyLimit/40) + `{}]`
	return []badRequest{
		{name: "patch of another media type", method: "PATCH", path: configMaps + "/a", media: jsonBody, body: "{}", code: 415, reason: metav1.StatusReasonUnsupportedMediaType, message: "415: Unsupported Media Type"},
		{name: "merge patch that is a list", method: "PATCH", path: configMaps + "/a", media: mergePatch, body: "[]", code: 400, reason: bad},
		{name: "JSON patch that is an object", method: "PATCH", path: configMaps + "/a", media: jsonPatch, body: "{}", code: 400, reason: bad},
		{name: "JSON patch whose test fails", method: "PATCH", path: configMaps + "/a", media: jsonPatch, body: `[{"op":"test","path":"/data/k","value":"w"}]`, code: 422, reason: invalid},
		{name: "JSON patch of nothing", method: "PATCH", path: configMaps + "/a", media: jsonPatch, body: `[{"op":"remove","path":"/data/none"}]`, code: 422, reason: invalid},
		{name: "JSON patch of many operations", method: "PATCH", path: configMaps + "/a", media: jsonPatch, body: operations, code: 413, reason: metav1.StatusReasonRequestEntityTooLarge, message: "The allowed maximum operations in a JSON patch is 10000, got "},
		{name: "JSON patch that doubles", method: "PATCH", path: configMaps + "/a", media: jsonPatch, body: doubling(), code: 422, reason: invalid},
		{name: "JSON patch far into a list", method: "PATCH", path: pods + "/p", media: jsonPatch, body: `[{"op":"add","path":"/spec/containers/1000000000","value":{}}]`, code: 422, reason: invalid},
		{name: "deep merge patch", method: "PATCH", path: configMaps + "/a", media: mergePatch, body: strings.Repeat(`{"a":`, 500000) + "1" + strings.Repeat("}", 500000), code: 400, reason: bad},
		{name: "deep strategic patch", method: "PATCH", path: configMaps + "/a", media: strategicPatch, body: strings.Repeat(`{"a":`, 500000) + "1" + strings.Repeat("}", 500000), code: 400, reason: bad},
		{name: "strategic patch with an order of no list", method: "PATCH", path: configMaps + "/a", media: strategicPatch, body: `{"metadata":{"$setElementOrder/finalizers":"x","finalizers":["example.com/x"]}}`, code: 500},
		{name: "strategic patch without its key", method: "PATCH", path: pods + "/p", media: strategicPatch, body: `{"spec":{"containers":[{"image":"i"}]}}`, code: 500, message: "does not contain declared merge key: name"},
		{name: "strategic patch of a wrong type", method: "PATCH", path: configMaps + "/a", media: strategicPatch, body: `{"data":{"k":1}}`, code: 422, reason: invalid},
		{name: "apply without a manager", method: "PATCH", path: configMaps + "/a", media: applyPatch, body: "apiVersion: v1\nkind: ConfigMap\n", code: 422, reason: invalid, causes: []string{"fieldManager: Required value: is required for apply patch"}},
		{name: "apply of managed fields", method: "PATCH", path: configMaps + "/a?fieldManager=m", media: applyPatch, body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, managedFields: [{manager: m}]}\n", code: 400, reason: bad, message: "metadata.managedFields must be nil"},
		{name: "apply of aliases", method: "PATCH", path: configMaps + "/a?fieldManager=m", media: applyPatch, body: aliases(), code: 400, reason: bad},
		{name: "apply in conflict", method: "PATCH", path: configMaps + "/a?fieldManager=m", media: applyPatch, body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: w}\n", code: 409, reason: metav1.StatusReasonConflict, message: "Apply failed with 1 conflict: conflict with", causes: []string{".data.k: conflict with"}},
		{name: "force without apply", method: "PATCH", path: configMaps + "/a?force=true", media: mergePatch, body: "{}", code: 422, reason: invalid, causes: []string{"force: Forbidden: may not be specified for non-apply patch"}},
		{name: "bad dryRun", method: "PATCH", path: configMaps + "/a?dryRun=Some", media: mergePatch, body: "{}", code: 422, reason: invalid, causes: []string{`dryRun: Unsupported value: ["Some"]`}},
		{name: "patch beyond 3 MiB", method: "PATCH", path: configMaps + "/a", media: mergePatch, body: `{"data":{"a":"` + strings.Repeat("x", bodyLimit) + `"}}`, code: 413, reason: metav1.StatusReasonRequestEntityTooLarge, message: "limit is 3145728"},
	}
}

// badQueries are requests whose parameters make no sense.
func badQueries() []badRequest {
	const bad, invalid = metav1.StatusReasonBadRequest, metav1.StatusReasonInvalid
	token := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return []badRequest{
		{name: "label selector", method: "GET", path: configMaps + "?labelSelector=a+in+(b", code: 400, reason: bad, message: "unable to parse requirement: found '', expected: ',' or ')'"},
		{name: "huge bad label selector", method: "GET", path: configMaps + "?labelSelector=" + strings.Repeat("a%3Db,", 30000) + "%3D%3D", code: 400, reason: bad},
		{name: "field selector", method: "GET", path: configMaps + "?fieldSelector=data.k%3Dv", code: 400, reason: bad, message: `"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"`},
		{name: "field selector of pods", method: "GET", path: pods + "?fieldSelector=spec.foo%3Dv", code: 400, reason: bad, message: "field label not supported: spec.foo"},
		{name: "limit", method: "GET", path: configMaps + "?limit=x", code: 400, reason: bad, message: `strconv.ParseInt: parsing "x": invalid syntax`},
		{name: "limit too large", method: "GET", path: configMaps + "?limit=9223372036854775808", code: 400, reason: bad, message: "value out of range"},
		{name: "continue", method: "GET", path: configMaps + "?limit=1&continue=%21", code: 400, reason: bad, message: "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"},
		{name: "continue that climbs", method: "GET", path: configMaps + "?limit=1&continue=" + token(`{"v":"meta.k8s.io/v1","rv":1,"start":"../../secrets/x"}`), code: 400, reason: bad, message: "invalid continue token: continue key is not valid: ../../secrets/x"},
		{name: "list at rubbish", method: "GET", path: configMaps + "?resourceVersion=rubbish", code: 400, reason: bad, message: `invalid resource version: resourceVersion: Invalid value: "rubbish": strconv.ParseUint`},
		{name: "watch from rubbish", method: "GET", path: configMaps + "?watch=1&resourceVersion=rubbish", code: 400, reason: bad, message: `invalid resource version: resourceVersion: Invalid value: "rubbish": strconv.ParseUint`},
		{name: "match without revision", method: "GET", path: configMaps + "?resourceVersionMatch=Exact", code: 422, reason: invalid, causes: []string{"resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"}},
		{name: "watch-list without match", method: "GET", path: configMaps + "?watch=1&sendInitialEvents=true", code: 422, reason: invalid, causes: []string{"resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"}},
		{name: "far future", method: "GET", path: configMaps + "?resourceVersion=99999999", code: 504, reason: metav1.StatusReasonTimeout, message: "Too large resource version: 99999999", causes: []string{": Too large resource version"}},
		{name: "many parameters", method: "GET", path: configMaps + "/none?" + strings.Repeat("a=b&", 100000), code: 404, reason: metav1.StatusReasonNotFound},
		{name: "unknown path", method: "GET", path: "/apis/apps/v1/things", code: 404, reason: metav1.StatusReasonNotFound, message: "the server could not find the requested resource"},
		{name: "dots for a name", method: "GET", path: configMaps + "/%2e%2e", code: 400, reason: bad, message: "Name parameter invalid"},
		{name: "propagation", method: "DELETE", path: configMaps + "/a?propagationPolicy=x", code: 422, reason: invalid, causes: []string{`propagationPolicy: Unsupported value: "x"`}},
		{name: "both ways to orphan", method: "DELETE", path: configMaps + "/a", media: jsonBody, body: `{"orphanDependents":true,"propagationPolicy":"Orphan"}`, code: 422, reason: invalid, causes: []string{"propagationPolicy: orphanDependents and deletionPropagation cannot be both set"}},
		{name: "precondition", method: "DELETE", path: configMaps + "/a", media: jsonBody, body: `{"preconditions":{"uid":"x"}}`, code: 409, reason: metav1.StatusReasonConflict, message: "the UID in the precondition (x) does not match the UID in record"},
	}
}

// aliases is a YAML text whose lists refer ten times to the list before.
func aliases() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'l'; c++ {
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ","))
	}
	return b.String()
}

// doubling is a JSON patch that puts the data into itself again and again.
func doubling() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"op":"copy","from":"/data","path":"/data/x%d"},`, i)
	}
	return "[" + b.String() + `{"op":"test","path":"/kind","value":"ConfigMap"}]`
}

// manyFields is an object with n fields that nobody knows.
func manyFields(n int) string {
	var b strings.Builder
	b.WriteString(`{"metadata":{"name":"x"}`)
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":0`, i)
	}
	return b.String() + "}"
}

// compressed is n bytes of space, packed.
func compressed(n int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	blank := bytes.Repeat([]byte{' '}, 1<<20)
	for range n >> 20 {
		_, _ = w.Write(blank) // a buffer takes everything
	}
	_ = w.Close()
	return b.String()
}

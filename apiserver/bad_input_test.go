package apiserver

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// TestBadInput is the table of what must be refused, and how. The answer's
// message must contain the text.
func TestBadInput(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100000) + "1" + strings.Repeat("}", 100000)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i, c := 1, 'b'; i < 9; i, c = i+1, c+1 {
		ref := "*" + string(c-1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat(ref+",", 10), ",") + "]\n"
	}
	longString := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 1000), ",") + "]\n"
	const yaml = "application/yaml"
	for _, c := range []struct {
		name, method, path, media, body string
		code                            int
		reason, text                    string
	}{
		{"no body", "POST", cms, "", "", 400, "BadRequest", "the object provided is unrecognized"},
		{"not JSON", "POST", cms, "", "hello", 400, "BadRequest", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'h' looking for beginning of value (68656c6c6f)"},
		{"a list", "POST", cms, "", "[]", 400, "BadRequest", "the object provided is unrecognized"},
		{"another kind", "POST", cms, "", `{"kind":"Pod","apiVersion":"v1"}`, 400, "BadRequest", `Pod in version "v1" cannot be handled as a ConfigMap`},
		{"another version", "POST", cms, "", `{"kind":"ConfigMap","apiVersion":"v2"}`, 400, "BadRequest", "the API version in the data (v2) does not match the expected API version (v1)"},
		{"wrong type", "POST", cms, "", `{"data":{"a":1}}`, 400, "BadRequest", "cannot unmarshal number"},
		{"deep JSON (CVE-2019-11254)", "POST", cms, "", deep, 400, "BadRequest", "nests deeper"},
		{"deep YAML (CVE-2019-11254)", "POST", cms, yaml, strings.Repeat("[", 150000), 400, "BadRequest", "max depth"},
		{"alias bomb (CVE-2019-11253)", "POST", cms, yaml, bomb, 400, "BadRequest", "aliases expand"},
		{"merges without end (CVE-2019-11253)", "POST", cms, yaml, "a: &a {x: y}\nb: {" + strings.Repeat("<<: *a, ", 50000) + "}\n", 400, "BadRequest", "aliases expand"},
		{"alias bomb of strings (CVE-2019-11253)", "POST", cms, yaml, longString, 400, "BadRequest", "aliases expand"},
		{"too large (CVE-2020-8552)", "POST", cms, "", `{"data":{"a":"` + strings.Repeat("x", 4<<20) + `"}}`, 413, "RequestEntityTooLarge", "limit is 3145728"},
		{"unknown media", "POST", cms, "text/plain", "x", 415, "UnsupportedMediaType", "accepted media types include"},
		{"protobuf without magic", "POST", cms, "application/vnd.kubernetes.protobuf", "xxxxxx", 400, "BadRequest", "expected prefix"},
		{"no name", "POST", cms, "", `{}`, 422, "Invalid", "name or generateName is required"},
		{"bad name", "POST", cms, "", `{"metadata":{"name":"A_b"}}`, 422, "Invalid", `metadata.name: Invalid value: "A_b"`},
		{"negative generation", "POST", cms, "", `{"metadata":{"name":"a","generation":-1}}`, 422, "Invalid", "metadata.generation: Invalid value: -1"},
		{"bad label", "POST", cms, "", `{"metadata":{"name":"a","labels":{"x":"a b"}}}`, 422, "Invalid", "metadata.labels"},
		{"bidi in label", "POST", cms, "", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"a\u202eb\"}}}", 422, "Invalid", "metadata.labels"},
		{"invalid spec", "POST", cms, "", `{"metadata":{"name":"a"},"data":{"bad":"1"}}`, 422, "Invalid", `ConfigMap "a" is invalid: data[bad]: Invalid value: "bad": is not allowed`},
		{"another namespace", "POST", cms, "", `{"metadata":{"name":"a","namespace":"other"}}`, 400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"},
		{"resourceVersion on create", "POST", cms, "", `{"metadata":{"name":"a","resourceVersion":"5"}}`, 500, "", "resourceVersion should not be set on objects to be created"},
		{"resourceVersion on create of a bad object", "POST", cms, "", `{"metadata":{"name":"a","resourceVersion":"5"},"data":{"bad":"1"}}`, 422, "Invalid", "data[bad]"},
		{"unknown field", "POST", cms + "?fieldValidation=Strict", "", `{"metadata":{"name":"a"},"foo":1}`, 400, "BadRequest", `strict decoding error: unknown field "foo"`},
		{"duplicate field", "POST", cms + "?fieldValidation=Strict", "", `{"metadata":{"name":"a"},"data":{},"data":{}}`, 400, "BadRequest", `duplicate field "data"`},
		{"bad fieldValidation", "POST", cms + "?fieldValidation=x", "", `{}`, 422, "Invalid", "fieldValidation"},
		{"bad dryRun", "POST", cms + "?dryRun=Some", "", `{}`, 422, "Invalid", "dryRun"},
		{"no namespace", "POST", "/api/v1/configmaps", "", `{}`, 405, "MethodNotAllowed", "does not allow this method"},
		{"name mismatch", "PUT", cms + "/a", "", `{"metadata":{"name":"b"}}`, 400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)"},
		{"name missing", "PUT", cms + "/a", "", `{}`, 400, "BadRequest", "the name of the object (a based on URL) was undeterminable: name must be provided"},
		{"update of nothing", "PUT", cms + "/none", "", `{"metadata":{"name":"none"}}`, 404, "NotFound", `configmaps "none" not found`},
		{"unknown resource", "GET", "/api/v1/foos", "", "", 404, "NotFound", "the server could not find the requested resource"},
		{"unknown subresource", "GET", cms + "/a/foo", "", "", 404, "NotFound", "the server could not find the requested resource"},
		{"name without namespace", "GET", "/api/v1/configmaps/a", "", "", 404, "NotFound", "the server could not find the requested resource"},
		{"cluster resource in a namespace", "GET", "/api/v1/namespaces/x/namespaces", "", "", 404, "NotFound", ""},
		{"dots as name", "GET", cms + "/..", "", "", 400, "BadRequest", "Name parameter invalid"},
		{"percent in namespace", "GET", "/api/v1/namespaces/a%25b/configmaps", "", "", 400, "BadRequest", "Name parameter invalid"},
		{"unknown method", "TRACE", cms, "", "", 405, "MethodNotAllowed", "does not allow this method"},
		{"bad label selector", "GET", cms + "?labelSelector=a===b", "", "", 400, "BadRequest", "unable to parse requirement: found"},
		{"bad field selector", "GET", cms + "?fieldSelector=foo%3Dbar", "", "", 400, "BadRequest", `"foo" is not a known field selector: only "metadata.name", "metadata.namespace"`},
		{"unsupported pod field", "GET", "/api/v1/pods?fieldSelector=spec.foo%3Dbar", "", "", 400, "BadRequest", "field label not supported: spec.foo"},
		{"bad timeout", "GET", cms + "?timeout=x", "", "", 400, "BadRequest", `invalid timeout specified in the request URL - time: invalid duration "x"`},
		{"bad limit", "GET", cms + "?limit=x", "", "", 400, "BadRequest", "invalid syntax"},
		{"bad continue", "GET", cms + "?continue=x", "", "", 400, "BadRequest", "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"},
		{"continue that is not JSON", "GET", cms + "?continue=eHg", "", "", 400, "BadRequest", "invalid continue token: continue key is not valid: invalid character 'x'"},
		{"continue of another version", "GET", cms + "?continue=" + rawToken(`{"v":"v9","rv":1,"start":"a"}`), "", "", 400, "BadRequest", `invalid continue token: continue key is not valid: server does not recognize this encoded version v9`},
		{"continue without revision", "GET", cms + "?continue=" + rawToken(`{"v":"meta.k8s.io/v1","start":"a"}`), "", "", 400, "BadRequest", "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"},
		{"continue without start", "GET", cms + "?continue=" + rawToken(`{"v":"meta.k8s.io/v1","rv":1}`), "", "", 400, "BadRequest", "encoded start key empty (version meta.k8s.io/v1)"},
		{"continue that climbs", "GET", cms + "?continue=" + rawToken(`{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/a"}`), "", "", 400, "BadRequest", "invalid continue token: continue key is not valid: ../secrets/a"},
		{"rubbish revision of a list", "GET", cms + "?resourceVersion=x", "", "", 400, "BadRequest", `invalid resource version: resourceVersion: Invalid value: "x"`},
		{"rubbish revision of a watch", "GET", cms + "?watch=1&resourceVersion=x", "", "", 400, "BadRequest", `invalid resource version: resourceVersion: Invalid value: "x"`},
		{"bad match", "GET", cms + "?resourceVersionMatch=Exact", "", "", 422, "Invalid", "resourceVersionMatch is forbidden unless resourceVersion is provided"},
		{"future revision", "GET", cms + "?resourceVersion=99999", "", "", 504, "Timeout", "Too large resource version: 99999"},
		{"unacceptable", "GET", cms, "", "", 406, "NotAcceptable", "406: Not Acceptable"},
		{"bad propagation", "DELETE", cms + "/a?propagationPolicy=x", "", "", 422, "Invalid", "propagationPolicy"},
		{"patch media", "PATCH", cms + "/a", "application/json", "{}", 415, "UnsupportedMediaType", "415: Unsupported Media Type"},
		{"patch of nothing", "PATCH", cms + "/none", "application/merge-patch+json", "{}", 404, "NotFound", `configmaps "none" not found`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			headers := []string{"Content-Type", c.media}
			if c.code == 406 {
				headers = append(headers, "Accept", "image/png")
			}
			got := w.must(c.code, c.method, c.path, c.body, headers...)
			w.want(got["kind"], "Status", "kind")
			w.want(got["status"], "Failure", "status")
			reason, _ := got["reason"].(string) // none for what Kubernetes calls unknown
			w.want(reason, c.reason, "reason")
			if text, _ := got["message"].(string); !strings.Contains(text, c.text) {
				t.Errorf("message %q does not contain %q", text, c.text)
			}
		})
	}
}

func rawToken(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }

// TestWarnings is what is accepted with a warning.
func TestWarnings(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", cms, `{"metadata":{"name":"a"},"foo":1,"data":{},"data":{}}`)
	w.want(rec.Code, 201, "code")
	w.want(rec.Header()["Warning"], []string{`299 - "unknown field \"foo\""`, `299 - "duplicate field \"data\""`}, "warnings")
	rec = w.do("POST", cms+"?fieldValidation=Ignore", `{"metadata":{"name":"b"},"foo":1}`)
	w.want(rec.Code, 201, "code")
	w.want(rec.Header()["Warning"], nil, "warnings")
}

// TestBadPatches is the table of patches that do not fit.
func TestBadPatches(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	for _, c := range []struct {
		name, media, body string
		code              int
		reason            string
	}{
		{"merge: not JSON", "application/merge-patch+json", "{", 400, "BadRequest"},
		{"merge: array", "application/merge-patch+json", "[]", 400, "BadRequest"},
		{"merge: rename", "application/merge-patch+json", `{"metadata":{"name":"b"}}`, 400, "BadRequest"},
		{"merge: kind", "application/merge-patch+json", `{"kind":"Pod"}`, 422, "Invalid"},
		{"merge: stale", "application/merge-patch+json", `{"metadata":{"resourceVersion":"1"}}`, 409, "Conflict"},
		{"merge: uid", "application/merge-patch+json", `{"metadata":{"uid":"x"}}`, 422, "Invalid"},
		{"merge: invalid", "application/merge-patch+json", `{"metadata":{"labels":{"a":"b c"}}}`, 422, "Invalid"},
		{"json: object", "application/json-patch+json", "{}", 400, "BadRequest"},
		{"json: test fails", "application/json-patch+json", `[{"op":"test","path":"/data/k","value":"2"}]`, 422, "Invalid"},
		{"json: no such path", "application/json-patch+json", `[{"op":"remove","path":"/data/none"}]`, 422, "Invalid"},
		{"json: too many (CVE-2019-1002100)", "application/json-patch+json", "[" + strings.Repeat(`{"op":"test","path":"/kind","value":"ConfigMap"},`, 10000) + `{"op":"test","path":"/kind","value":"ConfigMap"}]`, 413, "RequestEntityTooLarge"},
		{"json: copy bomb (CVE-2019-1002100)", "application/json-patch+json", "[" + copies() + `{"op":"test","path":"/kind","value":"ConfigMap"}]`, 422, "Invalid"},
		{"strategic: not JSON", "application/strategic-merge-patch+json", "{", 400, "BadRequest"},
		{"strategic: wrong type", "application/strategic-merge-patch+json", `{"data":{"k":1}}`, 422, "Invalid"},
		{"strategic: order of no list", "application/strategic-merge-patch+json", `{"metadata":{"$setElementOrder/finalizers":"x","finalizers":["example.com/x"]}}`, 500, ""},
		{"merge: finalizer that is no name", "application/merge-patch+json", `{"metadata":{"finalizers":["a b"]}}`, 422, "Invalid"},
		{"merge: finalizer of no domain", "application/merge-patch+json", `{"metadata":{"finalizers":["plain"]}}`, 422, "Invalid"},
		{"deep", "application/merge-patch+json", strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000), 400, "BadRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t, w.Server}
			got := w.must(c.code, "PATCH", cms+"/a", c.body, "Content-Type", c.media)
			reason, _ := got["reason"].(string)
			w.want(reason, c.reason, "reason")
		})
	}
	w.want(at(w.must(200, "GET", cms+"/a", ""), "data", "k"), "1", "the object is as it was")
}

// copies is a JSON patch that doubles the object again and again.
func copies() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"op":"copy","from":"/data","path":"/data/x%d"},`, i)
	}
	return b.String()
}

// TestMetricLabelsAreBounded keeps clients from adding series (CVE-2020-8552).
func TestMetricLabelsAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.do(fmt.Sprint("M", i), cms, "")
		w.do("GET", fmt.Sprint(cms, "/a/sub", i), "")
		w.do("GET", fmt.Sprint("/apis/g", i, "/v1/things"), "")
		w.do("GET", fmt.Sprint("/path", i), "")
	}
	text := w.do("GET", "/metrics", "").Body.String()
	if n := strings.Count(text, "\napiserver_request_total{"); n > 8 {
		t.Errorf("%d series:\n%s", n, text)
	}
}

func TestHugeNumbers(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", pods, `{"metadata":{"name":"p"}}`)
	w.must(200, "DELETE", pods+"/p?gracePeriodSeconds=9223372036854775807", "")
	w.must(200, "GET", pods+"?limit=-1", "")
	w.want(w.do("GET", pods+"?limit=9223372036854775807&timeoutSeconds=9223372036854775807", "").Code, 200, "code")
}

// TestManyBracketsAreFine keeps the bounds on depth from counting what is only
// long: a dashboard in a ConfigMap.
func TestManyBracketsAreFine(t *testing.T) {
	w := newWorld(t)
	body := "metadata: {name: a}\ndata:\n  dashboard: '" + strings.Repeat(`{"a":[1,2]},`, 20000) + "'\n"
	w.must(201, "POST", cms, body, "Content-Type", "application/yaml")
	w.must(201, "POST", cms, `{"metadata":{"name":"b"},"data":{"d":"`+strings.Repeat("{[", 20000)+`"}}`)
}

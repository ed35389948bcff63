package apiserver

import (
	"net/http"
	"strings"
	"testing"
)

// TestMethods is what answers methods that a path does not have, and paths that
// nothing has: a Status where the group is built in, as Kubernetes does.
func TestMethods(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Actions = map[string]http.Handler{"pods/log": http.NotFoundHandler(), "pods/eviction": http.NotFoundHandler()}
	})
	const none = "404 page not found\n"
	for _, c := range []struct {
		method, path string
		code         int
		text         string // of the answer; of a Status when it begins with {
	}{
		{"HEAD", cms, 405, ""},
		{"HEAD", cms + "/a", 405, ""},
		{"OPTIONS", cms, 405, `"details":{}`},
		{"OPTIONS", cms + "/a", 405, `"details":{}`},
		{"FOO", cms + "/a", 405, `"details":{}`},
		{"PUT", cms, 405, `"details":{}`},
		{"POST", cms + "/a", 405, `"details":{}`},
		{"GET", "/api/v1/namespaces/default/finalize", 405, `"details":{}`},
		{"GET", pods + "/a/eviction", 405, `"details":{}`},
		{"DELETE", pods + "/a/log", 405, `"details":{}`},
		{"OPTIONS", cms + "/a/bogus", 404, `"reason":"NotFound"`},
		{"GET", "/api/v1/bogus", 404, `"reason":"NotFound"`},
		{"GET", "/apis/x.y/v1/foos", 404, none},
		{"GET", "/api/v9/configmaps", 404, `"reason":"NotFound"`},
		{"GET", "/apis/apps/v9/deployments", 404, `"reason":"NotFound"`},
		{"GET", "/foo", 404, none},
		{"GET", "/metrics/x", 404, none},
		{"POST", "/healthz", 200, "ok"},
		{"POST", "/api/v1/watch/namespaces/default/configmaps", 405, `"details":{}`},
		{"DELETE", "/api/v1/watch/namespaces/default/configmaps/a", 405, `"details":{}`},
		{"GET", "/api/v1/watch/namespaces/default/pods/a/status", 404, `"reason":"NotFound"`},
		{"GET", "/api/v1/watch/namespaces/default/pods/a/log", 404, `"reason":"NotFound"`},
		{"GET", "/api/v1/watch/namespaces/default/configmaps/a?fieldSelector=metadata.name%3Db", 400, "doesn't match requested name"},
		{"GET", cms + "?watch=1&resourceVersion=x", 400, `Invalid value: \"x\"`},
	} {
		rec := w.do(c.method, c.path, "")
		w.want(rec.Code, c.code, c.method+" "+c.path)
		if text := rec.Body.String(); !strings.Contains(text, c.text) || rec.Header().Get("Allow") != "" {
			t.Errorf("%s %s: %s %v, want %q", c.method, c.path, text, rec.Header(), c.text)
		}
	}
}

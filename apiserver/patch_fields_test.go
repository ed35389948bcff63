package apiserver

import (
	"strings"
	"testing"
)

// TestStrategicPatchOfWrongTypes: what does not fit is told of the patch, in the
// words of the conversion that Kubernetes reads its result by.
func TestStrategicPatchOfWrongTypes(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	for _, c := range []struct {
		name, query, body string
		code              int
		want              string // of the message, or of a warning
	}{
		{"wrong type", "", `{"data":{"k":1}}`, 422, `"map[data:map[k:1]]": cannot convert int64 to string`},
		{"wrong list", "", `{"metadata":{"finalizers":"a"}}`, 422, ""},
		{"another kind", "", `{"kind":"Pod","apiVersion":"x/y"}`, 200, ""},
		{"unknown", "?fieldValidation=Strict", `{"new":1}`, 422, `"map[new:1]": strict decoding error: unknown field "new"`},
		{"twice", "?fieldValidation=Strict", `{"data":{},"data":{}}`, 422, `"map[data:map[]]": strict decoding error: duplicate field "data"`},
		{"unknown, warned of", "?fieldValidation=Warn", `{"new":1}`, 200, `299 - "unknown field \"new\""`},
		{"unknown, ignored", "?fieldValidation=Ignore", `{"new":1}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{t, w.Server}
			rec := w.do("PATCH", cms+"/a"+c.query, c.body, "Content-Type", "application/strategic-merge-patch+json")
			w.want(rec.Code, c.code, "code")
			if c.code == 200 {
				w.want(rec.Header().Get("Warning"), c.want, "warning")
				w.want(at(w.must(200, "GET", cms+"/a", ""), "kind"), "ConfigMap", "kind")
				return
			}
			text, _ := w.must(c.code, "PATCH", cms+"/a"+c.query, c.body, "Content-Type", "application/strategic-merge-patch+json")["message"].(string)
			if !strings.Contains(text, c.want) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

package customresource

import (
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// TestCBOR: custom resources are read and written in CBOR, as objects, lists and
// configurations that are applied, by the rules of their schemas.
func TestCBOR(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	const media = "application/cbor"
	encode := func(v any) string {
		data, err := direct.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return "\xd9\xd9\xf7" + string(data)
	}
	decode := func(code int, rec *httptest.ResponseRecorder) map[string]any {
		t.Helper()
		var out map[string]any
		if err := direct.Unmarshal(rec.Body.Bytes(), &out); err != nil || rec.Code != code || rec.Header().Get("Content-Type") != media {
			t.Fatalf("%d %v %v", rec.Code, err, rec.Header())
		}
		return out
	}
	widget := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "a"},
		"spec": map[string]any{"color": "red", "free": map[string]any{"n": int64(1) << 60, "f": 1.5, "l": []any{nil, true, "x"}}, "unknown": 1}}
	made := decode(201, w.do("POST", widgets, encode(widget), "Content-Type", media, "Accept", media))
	w.want(get(made, "spec", "replicas"), 1, "a default")
	w.want(get(made, "spec", "unknown"), nil, "a field that the schema does not know")
	w.want(get(made, "spec", "free"), get(widget, "spec", "free"), "a free field")
	list := decode(200, w.do("GET", widgets, "", "Accept", media))
	w.want(list["kind"], "WidgetList", "kind")
	w.want(get(list["items"].([]any)[0], "kind"), "Widget", "an element's kind")
	delete(widget["spec"].(map[string]any), "unknown")
	widget["spec"].(map[string]any)["color"] = "blue"
	applied := decode(200, w.do("PATCH", widgets+"/a?fieldManager=m&force=true", encode(widget), "Content-Type", "application/apply-patch+cbor", "Accept", media))
	w.want(get(applied, "spec", "color"), "blue", "what was applied")
	widget["spec"].(map[string]any)["color"] = "green"
	refused := decode(422, w.do("PATCH", widgets+"/a?fieldManager=m", encode(widget), "Content-Type", "application/apply-patch+cbor", "Accept", media))
	w.want(refused["reason"], "Invalid", "reason")
	strict := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "b"}, "spec": map[string]any{"x": 1}}
	decode(400, w.do("POST", widgets+"?fieldValidation=Strict", encode(strict), "Content-Type", media, "Accept", media))
	decode(400, w.do("POST", widgets, "\xd9\xd9\xf7\xa1\x44kind", "Content-Type", media, "Accept", media))
}

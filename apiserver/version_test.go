package apiserver

import "testing"

func TestOtherVersion(t *testing.T) {
	w := newWorld(t)
	const old = "/api/v0/namespaces/default/configmaps"
	rec := w.do("POST", old, `{"kind":"ConfigMap","apiVersion":"v0","metadata":{"name":"a"},"data":{"k":"1","version":"x"}}`)
	w.want(rec.Code, 201, "code")
	w.want(rec.Header()["Warning"], []string{`299 - "v0 ConfigMap is deprecated"`}, "warning")
	stored := w.must(200, "GET", cms+"/a", "")
	w.want(at(stored, "data"), map[string]any{"k": "1"}, "stored")
	w.want(stored["apiVersion"], "v1", "stored version")
	got := w.must(200, "GET", old+"/a", "")
	w.want(at(got, "data", "version"), "v0", "served")
	w.want(got["apiVersion"], "v0", "served version")
	patched := w.must(200, "PATCH", old+"/a", `{"data":{"k":"2"}}`, "Content-Type", "application/merge-patch+json")
	w.want(patched["apiVersion"], "v0", "patched version")
	list := w.must(200, "GET", old, "")
	w.want(list["apiVersion"], "v0", "list version")
	w.want(at(list["items"].([]any)[0], "data"), map[string]any{"k": "2", "version": "v0"}, "item")
	e := w.watching(old + "?watch=1").next()
	w.want(at(e, "object", "apiVersion"), "v0", "event version")
	w.must(400, "POST", cms, `{"kind":"ConfigMap","apiVersion":"v0","metadata":{"name":"b"}}`)
}

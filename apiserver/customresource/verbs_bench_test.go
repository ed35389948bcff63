package customresource

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// freeV1 is a version that keeps whatever is in its spec, as the comparison with
// other servers uses it.
const freeV1 = `{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
	"schema":{"openAPIV3Schema":{"type":"object","properties":{
		"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
		"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}`

// sized is an object of 1 KiB; seq changes from write to write.
func sized(name string, seq int) string {
	return fmt.Sprintf(`{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":%q,"namespace":"default",
		"labels":{"app":"bench","group":"7"},"annotations":{"bench.example/seq":"%d"}},"spec":{"payload":%q}}`,
		name, seq, strings.Repeat("x", 1024))
}

type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

func (w *world) send(code int, method, path, body, contentType string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "bench/v0")
	answer := &nowhere{header: http.Header{}}
	w.ServeHTTP(answer, r)
	if answer.status != code {
		w.Fatalf("%s %s: got %d, want %d", method, path, answer.status, code)
	}
}

// BenchmarkVerbs is what each way of writing and reading a custom resource
// costs the server, from the parsed request to the answer's bytes.
func BenchmarkVerbs(b *testing.B) {
	w := newWorld(b)
	w.define(crd(freeV1))
	const object = widgets + "/o"
	for _, v := range []struct {
		name string
		once func(i int)
	}{
		{"create", func(i int) {
			w.send(201, "POST", widgets, sized(fmt.Sprint("n", i), i), "application/json")
		}},
		{"get", func(int) { w.send(200, "GET", object, "", "") }},
		{"update", func(i int) { w.send(200, "PUT", object, sized("o", i), "application/json") }},
		{"mergepatch", func(i int) {
			w.send(200, "PATCH", object, fmt.Sprintf(`{"metadata":{"annotations":{"bench.example/seq":"%d"}}}`, i), "application/merge-patch+json")
		}},
		{"apply", func(i int) {
			w.send(200, "PATCH", object+"?fieldManager=applier&force=true", sized("o", i), "application/apply-patch+yaml")
		}},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			if v.name != "create" {
				w.do("DELETE", object, "")
				w.send(201, "POST", widgets, sized("o", 0), "application/json")
			}
			for b.Loop() {
				i++
				v.once(i)
			}
			if v.name == "create" {
				w.do("DELETE", widgets, "")
			}
		})
	}
}

package apiserver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"minke/apiserver/codec"
)

// discard is a response writer that keeps nothing.
type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(s int)   { d.status = s }
func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}
func (d *discard) Flush() {}

func benchPod(name string) string {
	return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"` + name + `","labels":{"app":"web","tier":"front"},"annotations":{"a":"b"}},
	"spec":{"containers":[{"name":"c","image":"registry/web:1","command":["a","b"],"env":[{"name":"A","value":"B"},{"name":"C","value":"D"}],
	"resources":{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"cpu":"1","memory":"128Mi"}},"ports":[{"containerPort":80}],
	"readinessProbe":{"httpGet":{"path":"/","port":80}}}],"terminationGracePeriodSeconds":30,"restartPolicy":"Always"}}`
}

func benchRequest(b *testing.B, s *Server, method, path, body string, want int, headers ...string) int {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	d := &discard{header: http.Header{}}
	s.ServeHTTP(d, r)
	if d.status != want {
		b.Fatalf("%s %s: %d", method, path, d.status)
	}
	return d.bytes
}

func BenchmarkCreate(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		benchRequest(b, w.Server, "POST", pods, benchPod(fmt.Sprint("p", i)), 201)
	}
}

func BenchmarkCreateParallel(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			benchRequest(b, w.Server, "POST", pods, strings.Replace(benchPod("x"), `"name":"x"`, `"generateName":"x-"`, 1), 201)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	w := newWorld(b)
	benchRequest(b, w.Server, "POST", pods, benchPod("p"), 201)
	b.ReportAllocs()
	for b.Loop() {
		benchRequest(b, w.Server, "GET", pods+"/p", "", 200)
	}
}

func BenchmarkPatch(b *testing.B) {
	w := newWorld(b)
	benchRequest(b, w.Server, "POST", pods, benchPod("p"), 201)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		benchRequest(b, w.Server, "PATCH", pods+"/p", fmt.Sprintf(`{"metadata":{"annotations":{"a":"%d"}}}`, i), 200,
			"Content-Type", "application/strategic-merge-patch+json")
	}
}

func BenchmarkList(b *testing.B) {
	w := newWorld(b)
	for i := range 5000 {
		benchRequest(b, w.Server, "POST", pods, benchPod(fmt.Sprint("p", i)), 201)
	}
	for _, form := range []string{codec.MediaJSON, codec.MediaProtobuf} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(benchRequest(b, w.Server, "GET", pods, "", 200, "Accept", form)))
			}
		})
	}
	b.Run("selected", func(b *testing.B) {
		for b.Loop() {
			benchRequest(b, w.Server, "GET", pods+"?fieldSelector=spec.nodeName%3Dn&labelSelector=app%3Dweb", "", 200)
		}
	})
}

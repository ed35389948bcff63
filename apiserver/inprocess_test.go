package apiserver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/inprocess"
)

// inside does a request from this process.
func (w *world) inside(method, path string, obj runtime.Object) *inprocess.Response {
	r := httptest.NewRequest(method, path, nil)
	if obj != nil {
		r.Body = &inprocess.Body{Object: obj}
	}
	var out inprocess.Response
	w.ServeHTTP(&out, r.WithContext(inprocess.WithUser(r.Context(), &inprocess.User{Name: "system:minke"})))
	return &out
}

func TestInProcess(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Authenticate = nil })
	made := w.inside("POST", cms, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	w.want(made.Status, 201, "code")
	got := w.inside("GET", cms+"/a", nil)
	if got.Object != made.Object {
		t.Error("what was created is not the very object that is read")
	}
	list := w.inside("GET", cms, nil).Object.(*corev1.ConfigMapList)
	w.want(len(list.Items), 1, "items")
	w.want(list.ResourceVersion, made.Object.(*corev1.ConfigMap).ResourceVersion, "revision")
	missing := w.inside("GET", cms+"/none", nil)
	w.want(missing.Status, 404, "code")
	w.want(missing.Object.(*metav1.Status).Reason, "NotFound", "reason")
	w.want(w.do("GET", cms+"/a", "").Code, 401, "a request from outside, without authentication")
}

func TestPathsBesidesResources(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"/healthz": "ok", "/livez": "ok", "/readyz": "ok", "/readyz/ping": "ok"} {
		w.want(w.do("GET", path, "").Body.String(), want, path)
	}
	w.want(w.do("GET", "/readyz?verbose", "").Body.String(), "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]shutdown ok\nreadyz check passed\n", "verbose")
	w.want(w.must(200, "GET", "/version", "")["minor"], "37", "minor")
	w.want(w.do("GET", "/readyz/none", "").Code, http.StatusNotFound, "no such check")
	w.must(200, "GET", cms, "")
	if text := w.do("GET", "/metrics", "").Body.String(); len(text) < 1000 {
		t.Errorf("metrics: %s", text)
	}
	rec := w.do("GET", cms, "")
	if rec.Header().Get("Audit-Id") == "" || rec.Header().Get("Cache-Control") != "no-cache, private" {
		t.Errorf("headers: %v", rec.Header())
	}
}

func TestPanicStaysInItsRequest(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Actions = map[string]http.Handler{"pods/log": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boo") })}
	})
	w.want(w.must(500, "GET", pods+"/a/log", "")["reason"], "InternalError", "reason")
}

// TestProxyTakesEveryMethod: what is behind a proxy answers OPTIONS itself.
func TestProxyTakesEveryMethod(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Actions = map[string]http.Handler{"pods/proxy": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) })}
	})
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		w.want(w.do(method, pods+"/a/proxy", "").Body.String(), method, "what arrived")
	}
}

func TestInFlightBound(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *Config) {
		c.Limits.Reads = 1
		c.Actions = map[string]http.Handler{"pods/slow": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-leave })}
	})
	done := make(chan struct{})
	go func() { defer close(done); w.do("GET", pods+"/a/slow", "") }()
	<-entered
	rec := w.do("GET", cms, "")
	close(leave)
	<-done
	w.want(rec.Code, 429, "code")
	w.want(rec.Header().Get("Retry-After"), "1", "Retry-After")
}

package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

// TestHealthz: the proxy is unhealthy while a change waits for a minute or longer,
// and its node is eligible while it is there to stay (KEP-3836).
func TestHealthz(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := fake.New().Guarded(t)
		informers := client.NewInformers(api)
		p := &Proxy{cfg: Config{NodeName: "here"}, dirty: map[client.Key]bool{}, wake: make(chan struct{}, 1), nodes: client.InformerOf(informers, client.Nodes)}
		informers.Start(ctx)
		handler := p.healthz()
		began := time.Now()
		expect := func(what string, livez, healthz int, more ...string) {
			t.Helper()
			synctest.Wait()
			for path, want := range map[string]int{"/livez": livez, "/healthz": healthz} {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				body := w.Body.String()
				if w.Code != want || strings.Contains(body, "nodeEligible") != (path == "/healthz") || !json.Valid([]byte(body)) {
					t.Errorf("%s: %s is %d %s, want %d", what, path, w.Code, body, want)
				}
				for _, part := range more {
					if !strings.Contains(body, part) {
						t.Errorf("%s: %s says %s, not %s", what, path, body, part)
					}
				}
			}
		}
		at := func(after time.Duration) string { return began.Add(after).Format(time.RFC3339Nano) }
		node := func(change func(*corev1.Node)) {
			n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here"}}
			if change != nil {
				change(n)
			}
			api.Put(n)
		}
		service := client.Key{Namespace: "default", Name: "web"}

		expect("without a node", 200, 503)
		node(nil)
		expect("started", 200, 200, `"healthy":true}`)
		p.touch(service)
		time.Sleep(2 * late)
		expect("nothing applied yet", 200, 200)
		p.take()
		p.note(func(g *progress) { g.succeeded(time.Now()) })
		time.Sleep(time.Hour)
		now := 2*late + time.Hour
		family := func(healthy bool) string {
			return fmt.Sprintf(`"IPv6":{"lastUpdated":%q,"healthy":%v}`, at(2*late), healthy)
		}
		expect("at rest", 200, 200, family(true), fmt.Sprintf(`"lastUpdated":%q,"currentTime":%[1]q`, at(now)))

		p.touch(service)
		time.Sleep(late - time.Second)
		p.touch(service)
		expect("a change waits", 200, 200)
		time.Sleep(time.Second)
		expect("it waits for long", 503, 503, family(false), fmt.Sprintf(`{"lastUpdated":%q`, at(2*late)), `"healthy":false,"status"`)
		p.take()
		expect("it is taken", 503, 503)
		p.note(func(g *progress) { g.failed(time.Now()) })
		p.take()
		expect("it failed", 503, 503)
		time.Sleep(time.Second)
		p.touch(service)
		p.note(func(g *progress) { g.succeeded(time.Now()) })
		expect("it is applied, and another waits", 200, 200)
		time.Sleep(late)
		expect("the other one waits for long", 503, 503)
		p.take()
		p.note(func(g *progress) { g.succeeded(time.Now()) })
		p.note(func(g *progress) { g.failed(time.Now()) })
		time.Sleep(late)
		expect("nothing waits, but what there is cannot be applied again", 503, 503)
		p.note(func(g *progress) { g.succeeded(time.Now()) })

		node(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "other", Effect: corev1.TaintEffectNoSchedule}}
		})
		expect("a taint", 200, 200)
		node(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: toBeDeleted, Value: "1", Effect: corev1.TaintEffectNoSchedule}}
		})
		expect("the autoscaler will delete the node", 200, 503, `"healthy":true`)
		node(func(n *corev1.Node) {
			deleted := metav1.Now()
			n.DeletionTimestamp, n.Finalizers = &deleted, []string{"x/y"}
		})
		expect("the node is being deleted", 200, 503)
		cancel()
		synctest.Wait()
	})
}

// TestHealthzPort: it answers beside the rules, and load balancers' checks heed
// what it says.
func TestHealthzPort(t *testing.T) {
	b := newBed(t)
	b.api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here"}})
	b.start(func(c *Config) { c.HealthzPort = 10256 })
	got, err := b.healthOf("192.0.2.1:10256")
	if err != nil || !strings.Contains(got, " 404 ") { // the root
		t.Errorf("the healthz port: got %q, %v", got, err)
	}
	b.stop()
	if got, err := b.healthOf("192.0.2.1:10256"); err == nil {
		t.Errorf("the healthz port still answers: %q", got)
	}
	for _, c := range []struct {
		local   int64
		healthy bool
		want    int
	}{{1, true, 200}, {0, true, 503}, {1, false, 503}} {
		w := httptest.NewRecorder()
		s := &healthServer{}
		s.local.Store(c.local)
		s.answer(w, client.Key{Namespace: "default", Name: "web"}, c.healthy)
		if w.Code != c.want || !strings.Contains(w.Body.String(), fmt.Sprintf(`"serviceProxyHealthy":%v`, c.healthy)) {
			t.Errorf("%+v: got %d %s", c, w.Code, w.Body)
		}
	}
}

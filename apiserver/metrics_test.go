package apiserver

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"minke/apiserver/codec"
)

func (w *world) metrics() string {
	return w.do("GET", "/metrics", "").Body.String()
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Actions = map[string]http.Handler{"pods/exec": http.NotFoundHandler()}
	})
	w.do("POST", pods, benchPod("p"))
	w.do("POST", pods+"?dryRun=All", benchPod("q"))
	w.do("GET", pods+"/p", "")
	w.do("GET", pods+"/p", "")
	w.do("GET", pods+"/none", "")
	w.do("GET", pods, "")
	w.do("GET", "/api/v1/pods", "")
	w.do("PATCH", pods+"/p?fieldManager=m&force=1", `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}`, "Content-Type", "application/apply-patch+yaml")
	w.do("GET", pods+"/p/exec", "")
	w.do("GET", pods+"?watch=1&timeoutSeconds=1&resourceVersion=0", "")
	w.do("GET", "/api/v0/namespaces/default/configmaps", "")
	w.do("GET", "/livez/ping", "")
	w.do("GET", "/nothing/here", "")
	text := w.metrics()
	const own = `component="apiserver"`
	for _, line := range []string{
		`apiserver_request_total{code="201",` + own + `,dry_run="",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 1`,
		`apiserver_request_total{code="201",` + own + `,dry_run="All",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 1`,
		`apiserver_request_total{code="200",` + own + `,dry_run="",group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1"} 2`,
		`apiserver_request_total{code="404",` + own + `,dry_run="",group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1"} 1`,
		`apiserver_request_total{code="200",` + own + `,dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 1`,
		`apiserver_request_total{code="200",` + own + `,dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 1`,
		`apiserver_request_total{code="404",` + own + `,dry_run="",group="",resource="pods",scope="resource",subresource="exec",verb="CONNECT",version="v1"} 1`,
		`apiserver_request_total{code="200",component="",dry_run="",group="",resource="",scope="",subresource="/livez",verb="GET",version=""} 1`,
		`apiserver_request_total{code="404",component="",dry_run="",group="",resource="",scope="",subresource="",verb="GET",version=""} 1`,
		`apiserver_request_duration_seconds_count{` + own + `,dry_run="",group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1"} 3`,
		`apiserver_request_sli_duration_seconds_count{` + own + `,group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1"} 3`,
		`apiserver_response_sizes_count{` + own + `,group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 1`,
		`apiserver_longrunning_requests{` + own + `,group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1"} 0`,
		`apiserver_watch_events_total{group="",resource="pods",version="v1"} 1`,
		`apiserver_watch_events_sizes_count{group="",resource="pods",version="v1"} 1`,
		`apiserver_resource_objects{group="",resource="pods"} 1`,
		`apiserver_requested_deprecated_apis{group="",removed_release="",resource="configmaps",subresource="",version="v0"} 1`,
		`authentication_attempts{result="success"} 14`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if !regexp.MustCompile(`verb="APPLY"`).MatchString(text) {
		t.Error("no APPLY is counted")
	}
	slis := w.do("GET", "/metrics/slis", "").Body.String()
	if !strings.Contains(slis, `kubernetes_healthcheck{name="ping",type="livez"} 1`) || !strings.Contains(slis, `kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 1`) {
		t.Errorf("/metrics/slis:\n%s", slis)
	}
}

// TestCVE2020_8552 sends what a client could make series of: the number of
// series does not grow with it.
func TestCVE2020_8552(t *testing.T) {
	w := newWorld(t)
	send := func(i int) {
		for _, r := range [][2]string{
			{"GET", fmt.Sprintf("/x%d/y", i)},
			{"GET", fmt.Sprintf("/api/v1/namespaces/default/things%d", i)},
			{"GET", fmt.Sprintf("/apis/g%d/v1/things", i)},
			{"GET", fmt.Sprintf("/api/v%d/pods", i+100)},
			{"GET", fmt.Sprintf("%s/p/sub%d", pods, i)},
			{"GET", fmt.Sprintf("%s/p%d", pods, i)},
			{"GET", fmt.Sprintf("/livez/check%d", i)},
			{fmt.Sprintf("VERB%d", i), pods},
			{"POST", fmt.Sprintf("%s?dryRun=All%d", pods, i)},
			{"PATCH", fmt.Sprintf("/api/v1/namespaces/ns%d/pods/p", i)},
		} {
			w.do(r[0], r[1], "", "Content-Type", fmt.Sprint("type/", i), "User-Agent", fmt.Sprint(i))
		}
	}
	send(0)
	before := strings.Count(w.metrics(), "\n")
	for i := 1; i < 50; i++ {
		send(i)
	}
	// The series of GET /metrics itself came meanwhile.
	own := 2 + len(durationBounds) + len(sliBounds) + len(sizeBounds) + 3*3 + 10
	if after := strings.Count(w.metrics(), "\n"); after > before+own {
		t.Errorf("/metrics grew from %d to %d lines", before, after)
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/livez", 200, "ok"},
		{"/readyz/etcd", 200, "ok"},
		{"/readyz/none", 404, ""},
		{"/livez?verbose", 200, "[+]ping ok\n[+]log ok\n[+]etcd ok\nlivez check passed\n"},
		{"/readyz?verbose&exclude=etcd&exclude=none", 200, "[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n[+]etcd-readiness ok\n[+]shutdown ok\nwarn: some health checks cannot be excluded: no matches for \"none\"\nreadyz check passed\n"},
	} {
		rec := w.do("GET", c.path, "")
		if rec.Code != c.code || c.body != "" && rec.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.path, rec.Code, rec.Body, c.code, c.body)
		}
	}
}

func BenchmarkGetParallel(b *testing.B) {
	w := newWorld(b)
	benchRequest(b, w.Server, "POST", pods, benchPod("p"), 201)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			benchRequest(b, w.Server, "GET", pods+"/p", "", 200, "Accept", codec.MediaJSON)
		}
	})
}

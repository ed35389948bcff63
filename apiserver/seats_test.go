package apiserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"minke/api/inprocess"
	"minke/apiserver/flowcontrol"
)

// gate is an action that holds its requests until it is opened.
type gate struct {
	entered chan string
	open    chan struct{}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.entered <- r.Header.Get("X-User")
	<-g.open
	w.WriteHeader(http.StatusOK)
}

// newFairWorld has one seat for everybody who is not exempt: catch-all's.
func newFairWorld(t testing.TB, g *gate) *world {
	flow := flowcontrol.New(flowcontrol.Config{Seats: 1})
	levels := flowcontrol.BootstrapLevels()[:2]
	schemas := flowcontrol.BootstrapSchemas()[:2]
	schemas[0].UID, levels[0].UID, levels[1].UID = "u-schema", "u-level", "u-catch-all"
	flow.Set(schemas, levels)
	return newWorld(t, func(c *Config) {
		c.Flow = flow
		c.Actions = map[string]http.Handler{"configmaps/gate": g}
		c.Authenticate = func(r *http.Request) (*inprocess.User, error) {
			return &inprocess.User{Name: r.Header.Get("X-User"), Groups: strings.Split(r.Header.Get("X-Groups"), ",")}, nil
		}
	})
}

func TestSeats(t *testing.T) {
	g := &gate{entered: make(chan string, 10), open: make(chan struct{})}
	w := newFairWorld(t, g)
	const path = "/api/v1/namespaces/x/configmaps/c/gate"
	var all sync.WaitGroup
	all.Go(func() { w.do("GET", path, "", "X-User", "a", "X-Groups", "system:authenticated") })
	<-g.entered
	for _, c := range []struct {
		name, user, groups, path string
		code                     int
		level                    string
	}{
		{"no seat is left", "b", "system:authenticated", "/api/v1/namespaces/x/configmaps", 429, "u-catch-all"},
		{"nor for a watch", "b", "system:authenticated", "/api/v1/namespaces/x/configmaps?watch=1&timeoutSeconds=1", 429, "u-catch-all"},
		{"exempt", "root", "system:masters", "/api/v1/namespaces/x/configmaps", 200, "u-level"},
	} {
		rec := w.do("GET", c.path, "", "X-User", c.user, "X-Groups", c.groups)
		if rec.Code != c.code || rec.Header().Get("X-Kubernetes-PF-PriorityLevel-UID") != c.level {
			t.Errorf("%s: %d at level %q, want %d at %q", c.name, rec.Code, rec.Header().Get("X-Kubernetes-PF-PriorityLevel-UID"), c.code, c.level)
		}
		if c.code == 429 && (rec.Header().Get("Retry-After") != "1" || !strings.Contains(rec.Body.String(), "TooManyRequests")) {
			t.Errorf("%s: Retry-After %q, body %s", c.name, rec.Header().Get("Retry-After"), rec.Body)
		}
	}
	close(g.open)
	all.Wait()
	if rec := w.do("GET", "/api/v1/namespaces/x/configmaps", "", "X-User", "b", "X-Groups", "system:authenticated"); rec.Code != 200 {
		t.Errorf("after the seat was given back: %d", rec.Code)
	}
	text := w.do("GET", "/metrics", "", "X-User", "root", "X-Groups", "system:masters").Body.String()
	for _, line := range []string{
		`apiserver_flowcontrol_rejected_requests_total{flow_schema="catch-all",priority_level="catch-all",reason="concurrency-limit"} 2`,
		`apiserver_flowcontrol_dispatched_requests_total{flow_schema="catch-all",priority_level="catch-all"} 2`,
		`apiserver_flowcontrol_current_executing_seats{flow_schema="catch-all",priority_level="catch-all"} 0`,
		`apiserver_flowcontrol_nominal_limit_seats{priority_level="catch-all"} 1`,
		`apiserver_current_inflight_requests{request_kind="mutating"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// TestWatchLeavesItsSeat lets others in once a watch has sent its beginning.
func TestWatchLeavesItsSeat(t *testing.T) {
	w := newFairWorld(t, &gate{})
	server := httptest.NewServer(w.Server)
	defer server.Close()
	get := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User", "b")
		r.Header.Set("X-Groups", "system:authenticated")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	watch := get("/api/v1/namespaces/x/configmaps?watch=1&resourceVersion=0")
	defer watch.Body.Close()
	for { // the seat is free a moment after the answer has begun
		res := get("/api/v1/namespaces/x/configmaps")
		res.Body.Close()
		if res.StatusCode == 200 {
			return
		}
		if res.StatusCode != 429 {
			t.Fatalf("list beside a watch: %d", res.StatusCode)
		}
	}
}

func TestListWidth(t *testing.T) {
	for _, c := range []struct{ objects, seats, cores, most, want int }{
		{0, 600, 64, 40, 1}, {100, 600, 64, 40, 1}, {101, 600, 64, 40, 2}, {5000, 600, 64, 40, 40},
		{100, 640, 2, 100, 20}, {10, 640, 2, 100, 2}, {300, 640, 2, 37, 37}, {5000, 6, 2, 1, 1},
	} {
		if got := listWidth(c.objects, c.seats, c.cores, c.most); got != c.want {
			t.Errorf("%+v: %d seats", c, got)
		}
	}
}

func TestAfterWrite(t *testing.T) {
	for _, c := range []struct {
		watchers, most, seats int
		extra                 time.Duration
	}{
		{0, 10, 0, 0}, {9, 10, 0, 0}, {10, 10, 1, eventTime}, {45, 10, 5, eventTime}, {200, 10, 10, 2 * eventTime}, {200, 1, 1, 20 * eventTime},
	} {
		if seats, extra := afterWrite(c.watchers, c.most); seats != c.seats || extra != c.extra {
			t.Errorf("%d watchers, at most %d seats: %d for %v, want %d for %v", c.watchers, c.most, seats, extra, c.seats, c.extra)
		}
	}
}

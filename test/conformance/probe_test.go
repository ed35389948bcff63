//go:build conformance

package conformance

import (
	"fmt"
	"time"
)

// restarted wants a container to be restarted this often by its liveness probe.
func restarted(script, probe string, times int) func(*T) {
	return func(t *T) {
		t.create(pod("main", script, "livenessProbe: {periodSeconds: 1, failureThreshold: 1, "+probe+"}", ""))
		last := 0
		t.wait("pods/main", "it is restarted", func(o object) error {
			n := o.num("status.containerStatuses.0.restartCount")
			if n < last {
				t.Fatalf("the restart count went from %d to %d", last, n)
			}
			if last = n; n < times {
				return fmt.Errorf("%d restarts", n)
			}
			return nil
		})
	}
}

// spared wants a container not to be restarted by its liveness probe.
func spared(script, probe string) func(*T) {
	return func(t *T) {
		t.create(pod("main", script, "livenessProbe: {periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1, "+probe+"}", ""))
		t.ready("main")
		t.never("it is restarted", 8*time.Second, func() error {
			return want("restarts", t.get("pods/main").num("status.containerStatuses.0.restartCount"), 0)
		})
	}
}

func init() {
	const health = "exec: {command: [cat, /tmp/health]}"
	const failing = "mkdir /www/state; touch /www/state/healthz; (sleep 2; rm /www/state/healthz) & httpd -p 8080 -h /www"
	add(map[string]func(*T){
		"NOD071": spared("httpd -p 8080", "httpGet: {path: /healthz, port: 8080}"),
		"NOD073": spared("echo ok > /tmp/health; sleep 600", health),
		"NOD074": spared(failing, "tcpSocket: {port: 8080}"),
		"NOD075": restarted(failing, "initialDelaySeconds: 1, httpGet: {path: /state/healthz, port: 8080}", 1),
		"NOD076": restarted("httpd -p 8080", "grpc: {port: 2333}", 1),
		"NOD077": restarted("echo ok > /tmp/health; sleep 2; rm /tmp/health; sleep 600", "initialDelaySeconds: 1, "+health, 1),
		"NOD079": func(t *T) {
			t.create(pod("main", "httpd -p 8080", "readinessProbe: {initialDelaySeconds: 4, periodSeconds: 1, httpGet: {path: /healthz, port: 8080}}", ""))
			o := t.ready("main")
			parse := func(s string) time.Time {
				at, err := time.Parse(time.RFC3339, s)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			started := parse(o.str("status.containerStatuses.0.state.running.startedAt"))
			for _, c := range o.list("status.conditions") {
				// Both times are cut to whole seconds.
				if after := parse(c.str("lastTransitionTime")).Sub(started); c.str("type") == "Ready" && after < 3*time.Second {
					t.Fatalf("it was ready %v after its start", after)
				}
			}
			t.never("it is restarted", 2*time.Second, func() error {
				return want("restarts", t.get("pods/main").num("status.containerStatuses.0.restartCount"), 0)
			})
		},
		"NOD080": func(t *T) {
			t.create(pod("main", "sleep 600", "readinessProbe: {initialDelaySeconds: 1, periodSeconds: 1, exec: {command: ['false']}}", ""))
			t.waitField("pods/main", "status.phase", "Running")
			t.never("it is ready", 6*time.Second, func() error {
				o := t.get("pods/main")
				if o.condition("Ready") == "True" {
					return fmt.Errorf("ready")
				}
				return want("restarts", o.num("status.containerStatuses.0.restartCount"), 0)
			})
		},
	})
}

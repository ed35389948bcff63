//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// answering is a listener that prints what it is told and answers as HTTP does.
// It keeps its side open for a while: nc ends when the other side closes.
const answering = `while true; do (printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'; sleep 1) | nc -l 9000; done`

// hook wants a lifecycle hook to reach a server pod: it is a raw TCP listener
// that logs what it is told.
func hook(when, kind string) func(*T) {
	return func(t *T) {
		t.create(pod("listener", answering, "", ""))
		o := t.ready("listener")
		// It is ready before it listens; 0x2328 is 9000.
		t.shows("listener", "cat /proc/net/tcp /proc/net/tcp6", ":2328 ")
		ip, node := o.str("status.podIP"), o.str("spec.nodeName")
		handler := fmt.Sprintf("httpGet: {path: /hooked, port: 9000, host: %s}", ip)
		if kind == "exec" {
			handler = fmt.Sprintf("exec: {command: [sh, -c, 'echo GET /hooked | nc -w 2 %s 9000']}", ip)
		}
		// The usual grace: the hook is part of it.
		t.create(strings.Replace(pod("main", "sleep 600", "lifecycle: {"+when+": {"+handler+"}}", "nodeName: "+node), "terminationGracePeriodSeconds: 1,", "", 1))
		t.wait("pods/main", "main runs", func(o object) error {
			if o.at("status.containerStatuses.0.state.running") == nil && !strings.Contains(t.logs("listener", ""), "GET /hooked") {
				return fmt.Errorf("not yet")
			}
			return nil
		})
		if when == "preStop" {
			if log := t.logs("listener", ""); strings.Contains(log, "hooked") {
				t.Fatalf("before its end: %q", log)
			}
			t.remove("pods/main")
		}
		t.until("the hook arrives", func() error {
			if log := t.logs("listener", ""); !strings.Contains(log, "GET /hooked") {
				return fmt.Errorf("log %q", log)
			}
			return nil
		})
		if when == "preStop" {
			t.gone("pods/main")
		}
	}
}

func init() {
	add(map[string]func(*T){
		"NOD011": hook("postStart", "exec"),
		"NOD013": hook("preStop", "exec"),
		"NOD014": hook("preStop", "http"),
		"NOD012": hook("postStart", "http"),
		"NOD070": hook("preStop", "exec"),
	})
}

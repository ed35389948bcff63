//go:build conformance

package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"k8s.io/client-go/rest"
)

func init() {
	add(map[string]func(*T){
		"NOD030": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			for n := 1; n <= 2; n++ {
				t.ephemeral("main", fmt.Sprintf("look%d", n))
				t.equal("ephemeral containers", len(t.get("pods/main").list("spec.ephemeralContainers")), n)
			}
		},
		"NOD031": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			t.ephemeral("main", "look")
			out, err := t.shIn("main", "look", "echo here")
			if err != nil {
				t.Fatal(err)
			}
			t.equal("output", out, "here\n")
		},
		"NOD033": initContainers("Always", "true", func(t *T) {
			t.ready("main")
			t.equal("order", t.must("main", "cat /v/order"), "one\ntwo\n")
		}),
		"NOD034": initContainers("Never", "true", func(t *T) {
			o := t.finished("main")
			for _, where := range []string{"status.initContainerStatuses", "status.containerStatuses"} {
				for _, s := range o.list(where) {
					t.equal(s.str("name")+"'s exit code", s.str("state.terminated.exitCode"), "0")
					t.equal(s.str("name")+"'s restarts", s.num("restartCount"), 0)
				}
			}
		}),
		"NOD035": initContainers("Never", "false", func(t *T) {
			o := t.waitField("pods/main", "status.phase", "Failed")
			t.equal("main's state", o.at("status.containerStatuses.0.state.waiting") != nil, true)
			t.equal("main started", o.str("status.containerStatuses.0.started"), "false")
		}),
		"NOD036": initContainers("Always", "false", func(t *T) {
			t.wait("pods/main", "the init container is restarted", func(o object) error {
				if o.str("status.containerStatuses.0.started") == "true" {
					t.Fatal("main started")
				}
				if o.num("status.initContainerStatuses.0.restartCount") < 2 {
					return fmt.Errorf("%d restarts", o.num("status.initContainerStatuses.0.restartCount"))
				}
				return nil
			})
		}),
		"NOD056": func(t *T) {
			o := parse(pod("main", "trap '' TERM; sleep 600", "", ""))
			o.set("metadata.generation", 100)
			t.equal("generation", t.createObject(o).num("metadata.generation"), 1)
			t.ready("main")
			gone := t.call(request{Method: "DELETE", Path: "pods/main", Body: `{"gracePeriodSeconds":20}`})
			t.equal("generation after deletion", gone.num("metadata.generation"), 2)
		},
		"NOD058": func(t *T) {
			t.equal("generation", t.create(pod("main", "sleep 600", "", "")).num("metadata.generation"), 1)
			t.ready("main")
			t.patch("pods/main", `{"metadata":{"labels":{"a":"b"}}}`)
			t.equal("generation after a label", t.get("pods/main").num("metadata.generation"), 1)
			t.patch("pods/main", `{"spec":{"activeDeadlineSeconds":500}}`)
			o := t.waitField("pods/main", "status.observedGeneration", "2")
			t.equal("generation", o.num("metadata.generation"), 2)
		},
		"NOD057": func(t *T) {
			t.create(pod("main", "sleep 600", "", "activeDeadlineSeconds: 5000"))
			t.ready("main")
			for n := range 500 {
				t.patch("pods/main", fmt.Sprintf(`{"spec":{"activeDeadlineSeconds":%d}}`, 4999-n))
			}
			o := t.waitField("pods/main", "status.observedGeneration", "501")
			t.equal("generation", o.num("metadata.generation"), 501)
		},
		"NOD059": func(t *T) {
			o := t.create(pod("main", "sleep 600", "resources: {limits: {cpu: 100m, memory: 64Mi}, requests: {cpu: 100m, memory: 64Mi}}", ""))
			t.equal("qosClass", o.str("status.qosClass"), "Guaranteed")
		},
		"NOD060": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			t.equal("by label", len(t.items("pods?labelSelector=app%3Dmain")), 1)
			t.update("pods/main", func(o object) { o.set("spec.activeDeadlineSeconds", 2) })
			t.waitField("pods/main", "status.reason", "DeadlineExceeded")
		},
		"NOD061": func(t *T) {
			t.equal("pods", len(t.items("pods?labelSelector=app%3Dmain")), 0)
			w := t.watch("pods", "&labelSelector=app%3Dmain")
			t.create(pod("main", "sleep 600", "", ""))
			w.until("ADDED", func(o object) bool { return o.name() == "main" })
			t.ready("main")
			t.remove("pods/main")
			w.until("MODIFIED", func(o object) bool { return o.str("metadata.deletionTimestamp") != "" })
			w.until("DELETED", func(o object) bool { return o.str("metadata.deletionTimestamp") != "" })
			t.equal("pods", len(t.items("pods?labelSelector=app%3Dmain")), 0)
		},
		"NOD062": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			t.equal("by label", len(t.items("pods?labelSelector=app%3Dmain")), 1)
			t.update("pods/main", func(o object) { o.set("metadata.labels.app", "other") })
			t.equal("by the new label", len(t.items("pods?labelSelector=app%3Dother")), 1)
		},
		"NOD065": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			o := t.ready("main")
			node := t.get("nodes/" + o.str("spec.nodeName"))
			t.equal("hostIP", o.str("status.hostIP"), node.str("status.addresses.0.address"))
		},
		"NOD066": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			o := t.patch("pods/main/status", `{"status":{"message":"Patched by hand","reason":"Hand"}}`)
			t.equal("message", o.str("status.message"), "Patched by hand")
			t.equal("reason", o.str("status.reason"), "Hand")
		},
		"NOD067": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			t.patch("pods/main", `{"metadata":{"labels":{"patched":"yes"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"main","image":"docker.io/library/toolbox"}]}}`, 422)
			t.call(request{Method: "PATCH", Path: "pods/main", Type: strategicPatch, Body: `{"metadata":{"labels":{"patched":"yes"}},"spec":{"containers":[{"name":"main","image":"docker.io/library/toolbox:latest"}]}}`}, 200)
			t.equal("by label", len(t.items("pods?labelSelector=patched%3Dyes")), 1)
			o := t.update("pods/main/status", func(o object) {
				o.set("status.conditions", []any{map[string]any{"type": "Ready", "status": "False"}, map[string]any{"type": "Initialized", "status": "True"}})
			})
			t.equal("Ready", o.condition("Ready"), "False")
			t.remove("pods/main")
			t.gone("pods/main")
		},
		"NOD068": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			got := t.websocket("pods/main/exec?command=echo&command=hello&stdout=1&stderr=1", "channel.k8s.io")
			t.contains("the websocket", got, "\x01hello\n")
		},
		"NOD069": func(t *T) {
			t.create(pod("main", "echo a line; sleep 600", "", ""))
			t.ready("main")
			t.until("the log is written", func() error { return want("log", t.logs("main", ""), "a line\n") })
			t.equal("the websocket", t.websocket("pods/main/log?container=main", "binary.k8s.io"), "a line\n")
		},
	})
}

// ephemeral adds an ephemeral container and waits until it runs.
func (t *T) ephemeral(name, container string) {
	t.Helper()
	t.call(request{Method: "PATCH", Path: "pods/" + name + "/ephemeralcontainers", Type: strategicPatch,
		Body: fmt.Sprintf(`{"spec":{"ephemeralContainers":[{"name":%q,"image":%q,"command":["sleep","600"]}]}}`, container, image)}, 200)
	t.wait("pods/"+name, container+" runs", func(o object) error {
		for _, s := range o.list("status.ephemeralContainerStatuses") {
			if s.str("name") == container && s.at("state.running") != nil {
				return nil
			}
		}
		return fmt.Errorf("%v", o.at("status.ephemeralContainerStatuses"))
	})
}

// initContainers is a pod of two init containers, the first of which ends with
// this command, and one that runs on.
func initContainers(policy, end string, check func(*T)) func(*T) {
	return func(t *T) {
		last := "sleep 600"
		if policy == "Never" {
			last = "true"
		}
		one := func(name, script string) string {
			return "{name: " + name + ", image: " + image + ", command: [sh, -c, \"" + script + "\"], volumeMounts: [{name: v, mountPath: /v}]}"
		}
		t.create(`{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {terminationGracePeriodSeconds: 1, restartPolicy: ` + policy + `, volumes: [{name: v, emptyDir: {}}], initContainers: [` +
			one("one", "echo one >> /v/order; "+end) + `, ` + one("two", "echo two >> /v/order") + `], containers: [` + one("main", last) + `]}}`)
		check(t)
	}
}

// websocket reads all that a path sends over a websocket of a subprotocol.
func (t *T) websocket(path, protocol string) string {
	t.Helper()
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	plural, rest, _ := strings.Cut(path, "?")
	dialer := websocket.Dialer{TLSClientConfig: tls, Subprotocols: []string{protocol}, HandshakeTimeout: patience}
	conn, resp, err := dialer.DialContext(t.ctx, strings.Replace(server, "https", "wss", 1)+t.path(plural)+"?"+rest, http.Header{})
	if err != nil {
		detail := ""
		if resp != nil {
			body, _ := io.ReadAll(resp.Body)
			detail = resp.Status + " " + string(body)
		}
		t.Fatalf("websocket: %v %s", err, detail)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return out.String()
		}
		out.Write(message)
	}
}

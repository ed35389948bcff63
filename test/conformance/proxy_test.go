//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// throughAll wants a service, its pod and a node answered through the API
// server, by every way to name them.
func throughAll(t *T) {
	t.servers(1)
	t.create(service("ports: [{name: web, port: 80, targetPort: 8080}, {name: other, port: 81, targetPort: 8080}]"))
	t.backed("web", "main-0")
	for _, at := range []string{
		"services/web:web/proxy/echo", "services/web:80/proxy/echo", "services/web:other/proxy/echo", "services/web:81/proxy/echo",
		"services/http:web:web/proxy/echo", "services/http:web:81/proxy/echo",
		"pods/main-0/proxy/echo", "pods/main-0:8080/proxy/echo", "pods/http:main-0:8080/proxy/echo",
	} {
		t.until(at, func() error {
			a := t.do(request{Method: "GET", Path: t.path(at) + "?at=all"})
			if err := a.err(200); err != nil {
				return err
			}
			return want("what arrived", strings.HasPrefix(string(a.Raw), "GET /echo?at=all"), true)
		})
	}
	t.equal("a port that is not there", t.do(request{Method: "GET", Path: t.path("services/web:82/proxy/")}).Code, 503)
	kubelets := 0
	for _, node := range t.items("/api/v1/nodes") {
		if node.condition("Ready") != "True" {
			continue // other rows make nodes that no kubelet stands behind
		}
		kubelets++
		port := node.num("status.daemonEndpoints.kubeletEndpoint.Port")
		for _, name := range []string{node.name(), fmt.Sprintf("%s:%v", node.name(), port)} {
			a := t.do(request{Method: "GET", Path: "/api/v1/nodes/" + name + "/proxy/logs/"})
			if err := a.err(200); err != nil {
				t.Fatal(err)
			}
			t.contains("the log directory", string(a.Raw), "<a href=")
		}
	}
	t.equal("nodes with a kubelet", kubelets, 2)
}

func init() { add(map[string]func(*T){"NET029": throughAll}) }

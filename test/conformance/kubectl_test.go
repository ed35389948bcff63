//go:build conformance

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// file writes a manifest where kubectl reads it.
func (t *T) file(text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (t *T) matches(what, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Fatalf("%s does not match %q:\n%s", what, pattern, text)
	}
}

func init() {
	add(map[string]func(*T){
		"CLI002": func(t *T) { t.matches("api-versions", t.kubectl("api-versions"), `(?m)^v1$`) },
		"CLI003": func(t *T) {
			t.matches("cluster-info", t.kubectl("cluster-info"), `Kubernetes control plane.* is running at .*https://`)
		},
		"CLI004": func(t *T) {
			t.create(workload("ReplicationController", "replicas: 1", ""))
			t.create(service("ports: [{port: 6379, targetPort: 8080}]"))
			t.replicas("replicationcontrollers/main", 1)
			p := t.mainPods()[0]
			t.contains("describe pod", t.kubectl("describe", "pod", p.name()), "Name:", p.name(), "Namespace:", t.ns, "app=main", "Status:", "Running", "IP:", "Controlled By:  ReplicationController/main", "Image:", image, "State:", "Ready:")
			t.contains("describe rc", t.kubectl("describe", "rc", "main"), "Name:", "main", "Namespace:", t.ns, "Selector:", "app=main", "1 current / 1 desired", "1 Running", "Pod Template:", "Events:")
			t.matches("describe service", t.kubectl("describe", "service", "web"), `(?s)Name:\s+web.*Namespace:\s+`+t.ns+`.*Selector:\s+app=main.*Type:\s+ClusterIP.*IP:.*Port:\s+<unset>\s+6379/TCP.*Endpoints:\s+\d+\..*Session Affinity:\s+None`)
			t.contains("describe node", t.kubectl("describe", "node", "node-1"), "Name:", "node-1", "Labels:", "Conditions:", "MemoryPressure", "Addresses:", "Capacity:", "Kubelet Version:", "Allocated resources:")
			t.contains("describe namespace", t.kubectl("describe", "namespace", t.ns), "Name:", t.ns, "Labels:", "Status:", "Active")
		},
		"CLI005": func(t *T) {
			t.create(strings.Replace(workload("Deployment", "replicas: 1", ""), image, "docker.io/library/httpd:2", 1))
			file := t.file(strings.Replace(workload("Deployment", "replicas: 1", ""), image, "docker.io/library/busybox:1", 1))
			out, err := t.tryKubectl("", "diff", "-f", file)
			if err == nil {
				t.Fatal("diff found none")
			}
			t.matches("diff", out, `(?m)^-\s+-? ?image: docker.io/library/httpd:2`)
			t.matches("diff", out, `(?m)^\+\s+-? ?image: docker.io/library/busybox:1`)
		},
		"CLI006": func(t *T) {
			t.create(workload("ReplicationController", "replicas: 1", "args: [httpd, -p, '6379']"))
			t.kubectl("expose", "rc", "main", "--name=one", "--port=1234", "--target-port=6379")
			t.kubectl("expose", "service", "one", "--name=two", "--port=2345", "--target-port=6379")
			for name, port := range map[string]string{"one": "1234", "two": "2345"} {
				o := t.get("services/" + name)
				t.equal(name, o.str("spec.ports.0.port")+" "+o.str("spec.ports.0.targetPort")+" "+o.str("spec.selector"), port+" 6379 map[app:main]")
			}
		},
		"CLI007": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			t.kubectl("label", "pods", "main", "testing=value")
			t.contains("get -L", t.kubectl("get", "pod", "main", "-L", "testing"), "value")
			t.contains("get -l", t.kubectl("get", "pod", "-l", "testing=value"), "main")
			t.kubectl("label", "pods", "main", "testing-")
			if out := t.kubectl("get", "pod", "main", "-L", "testing"); strings.Contains(out, "value") {
				t.Fatalf("it is still there:\n%s", out)
			}
		},
		"CLI008": func(t *T) {
			t.create(workload("ReplicationController", "replicas: 2", ""))
			t.replicas("replicationcontrollers/main", 2)
			for _, p := range t.mainPods() {
				t.kubectl("patch", "pod", p.name(), "-p", `{"metadata":{"annotations":{"x":"y"}}}`)
				t.equal("annotation", t.get("pods/"+p.name()).str("metadata.annotations.x"), "y")
			}
		},
		"CLI009": func(t *T) {
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			text := t.kubectl("get", "pod", "main", "-o", "json")
			t.kubectl("replace", "-f", t.file(strings.ReplaceAll(text, `"image": "`+image+`"`, `"image": "docker.io/library/toolbox:latest"`)))
			t.equal("image", t.get("pods/main").str("spec.containers.0.image"), "docker.io/library/toolbox:latest")
			t.kubectl("replace", "--force", "-f", t.file(pod("main", "sleep 600", "", "")))
			t.equal("image", t.get("pods/main").str("spec.containers.0.image"), image)
		},
		"CLI010": func(t *T) {
			t.kubectl("run", "main", "--restart=Never", "--image="+image)
			o := t.get("pods/main")
			t.equal("containers", len(o.list("spec.containers")), 1)
			t.equal("image", o.str("spec.containers.0.image"), image)
			t.equal("restartPolicy", o.str("spec.restartPolicy"), "Never")
		},
		"CLI011": func(t *T) {
			t.kubectl("run", "main", "--image="+image, "--labels=run=main")
			t.kubectl("patch", "pod", "main", "-p", `{"spec":{"containers":[{"name":"main","image":"docker.io/library/busybox:1"}]}}`, "--dry-run=server")
			t.equal("image", t.get("pods/main").str("spec.containers.0.image"), image)
		},
		"CLI012": func(t *T) {
			t.matches("version", t.kubectl("version", "-o", "yaml"), `(?s)clientVersion:.*gitCommit:.*gitVersion:.*major:.*minor:.*serverVersion:.*gitCommit:.*gitVersion:.*major:.*minor:`)
			t.matches("version", t.kubectl("version"), `(?s)Client Version: v1.*Server Version: v1`)
		},
		"CLI013": func(t *T) {
			t.kubectl("create", "-f", t.file(workload("ReplicationController", "replicas: 2", "")))
			t.replicas("replicationcontrollers/main", 2)
			t.equal("pods", len(t.mainPods()), 2)
			t.kubectl("delete", "--grace-period=0", "--force", "rc", "main")
			t.until("all are gone", func() error { return want("pods", len(t.mainPods()), 0) })
		},
		"CLI014": func(t *T) {
			t.kubectl("create", "-f", t.file(workload("ReplicationController", "replicas: 2", "")))
			for _, n := range []int{2, 1, 2} {
				t.kubectl("scale", "rc", "main", fmt.Sprintf("--replicas=%d", n), "--timeout=60s")
				t.replicas("replicationcontrollers/main", n)
				t.until("its pods", func() error { return want("pods", len(t.livePods()), n) })
			}
		},
		"CLI015": func(t *T) {
			t.create(pod("main", "echo one; echo two; echo three; sleep 600", "", ""))
			t.ready("main")
			t.until("the log", func() error { return want("lines", strings.Count(t.kubectl("logs", "main"), "\n"), 3) })
			t.equal("tail", t.kubectl("logs", "main", "--tail=1"), "three\n")
			t.equal("limit", t.kubectl("logs", "main", "--limit-bytes=1"), "o")
			t.matches("timestamps", t.kubectl("logs", "main", "--tail=1", "--timestamps"), `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) three\n$`)
			t.until("the last second is silent", func() error { return want("log", t.kubectl("logs", "main", "--since=1s"), "") })
			t.equal("a day", t.kubectl("logs", "main", "--since=24h"), "one\ntwo\nthree\n")
		},
	})
}

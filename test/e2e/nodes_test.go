//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const spread = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: spread}
spec:
  replicas: 9
  selector: {matchLabels: {app: spread}}
  template:
    metadata: {labels: {app: spread}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: toolbox
        imagePullPolicy: IfNotPresent
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: spread}
spec:
  type: NodePort
  selector: {app: spread}
  ports: [{port: 80, targetPort: http, nodePort: 30080}]
`

// TestThreeNodes: nine replicas spread over three nodes; every pod reaches
// every other by address, and the Service by name from every node; the node
// port answers through --publish; down leaves nothing (checked by up).
func TestThreeNodes(t *testing.T) {
	port := freePort(t)
	c := up(t, 3, "--publish", fmt.Sprintf("%d:30080", port))
	c.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
	c.apply(spread)
	c.kubectl("rollout", "status", "deploy/spread", "--timeout=60s")

	rows := strings.Fields(c.kubectl("get", "pods", "-l", "app=spread",
		"-o", `jsonpath={range .items[*]}{.metadata.name},{.status.podIP},{.spec.nodeName}{"\n"}{end}`))
	perNode := map[string]int{}
	var names, ips []string
	for _, row := range rows {
		f := strings.Split(row, ",")
		names, ips = append(names, f[0]), append(ips, f[1])
		perNode[f[2]]++
	}
	if len(rows) != 9 || perNode["node-1"] != 3 || perNode["node-2"] != 3 || perNode["node-3"] != 3 {
		t.Errorf("wanted 3 pods on each of 3 nodes, got %v", perNode)
	}
	for _, name := range names {
		var script []string
		for _, ip := range ips {
			script = append(script, fmt.Sprintf("wget -q -O - http://%s:8080/healthz", ip))
		}
		script = append(script, "wget -q -O - http://spread.default.svc.cluster.local/healthz", "wget -q -O - http://spread/healthz")
		if out, err := c.try("", minke(), "kubectl", "exec", name, "--", "sh", "-c", strings.Join(script, " && ")); err != nil {
			t.Errorf("from %s: %v\n%s", name, err, out)
		}
	}
	seen := map[string]bool{}
	for range 60 {
		seen[get(t, fmt.Sprintf("http://127.0.0.1:%d/hostname", port))] = true
	}
	if len(seen) < 3 {
		t.Errorf("60 requests to the node port were answered by %d pods only: %v", len(seen), seen)
	}
	again := run(t, minke(), "up", "--detach", "--name", c.Name, "--nodes", "3")
	if !strings.HasSuffix(strings.TrimSpace(again), c.Kubeconfig) {
		t.Errorf("the second up printed %q, wanted the same kubeconfig", again)
	}
}

//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestOldVersions: manifests of API versions that Kubernetes dropped long ago
// are accepted, converted, and answered with a Warning that says so.
func TestOldVersions(t *testing.T) {
	c := up(t, 1)
	const pods = `{replicas: 1, selector: {matchLabels: {app: NAME}}, template: {metadata: {labels: {app: NAME}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: toolbox, imagePullPolicy: IfNotPresent}]}}}`
	withoutSelector := strings.Replace(pods, "selector: {matchLabels: {app: NAME}}, ", "", 1)
	daemons := strings.Replace(pods, "replicas: 1, ", "", 1)
	tests := []struct{ version, kind, spec, stored string }{
		{"extensions/v1beta1", "Deployment", withoutSelector, "deployments.v1.apps"},
		{"apps/v1beta1", "Deployment", pods, "deployments.v1.apps"},
		{"apps/v1beta2", "Deployment", pods, "deployments.v1.apps"},
		{"extensions/v1beta1", "DaemonSet", withoutSelectorAndReplicas(withoutSelector), "daemonsets.v1.apps"},
		{"apps/v1beta2", "DaemonSet", daemons, "daemonsets.v1.apps"},
		{"extensions/v1beta1", "ReplicaSet", withoutSelector, "replicasets.v1.apps"},
		{"apps/v1beta2", "ReplicaSet", pods, "replicasets.v1.apps"},
		{"extensions/v1beta1", "Ingress", `{backend: {serviceName: web, servicePort: 80}}`, "ingresses.v1.networking.k8s.io"},
	}
	for i, tt := range tests {
		t.Run(tt.version+" "+tt.kind, func(t *testing.T) {
			name := fmt.Sprintf("old-%d", i)
			manifest := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", tt.version, tt.kind, name, strings.ReplaceAll(tt.spec, "NAME", name))
			cmd := exec.Command(minke(), "kubectl", "--kubeconfig", c.Kubeconfig, "apply", "-f", "-")
			cmd.Stdin = strings.NewReader(manifest)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("apply: %v\n%s", err, out)
			}
			if !strings.Contains(string(out), "Warning: "+tt.version+" "+tt.kind) {
				t.Errorf("wanted a Warning that names %s %s, got\n%s", tt.version, tt.kind, out)
			}
			if got := c.kubectl("get", tt.stored, name, "-o", "name"); !strings.Contains(got, name) {
				t.Errorf("get %s: %s", tt.stored, got)
			}
		})
	}
	c.kubectl("rollout", "status", "deploy/old-0", "--timeout=60s")
}

func withoutSelectorAndReplicas(spec string) string {
	return strings.Replace(spec, "replicas: 1, ", "", 1)
}

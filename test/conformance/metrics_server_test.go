//go:build conformance

package conformance

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMetricsServer runs metrics-server behind the API server. It is none of the
// rows, and skipped unless test/peers/build.sh metrics-server has built it.
func TestMetricsServer(t *testing.T) {
	if _, err := os.Stat(peer("metrics-server")); err != nil {
		t.Skip("build it first: test/peers/build.sh metrics-server")
	}
	inNamespace(t, "METRICS-SERVER", func(t *T) {
		t.importPeers("minke.local/metrics-server:latest", "metrics-server")
		t.delegates(`{apiGroups: [""], resources: [nodes/metrics], verbs: [get]}, {apiGroups: [""], resources: [pods, nodes, namespaces, configmaps], verbs: [get, list, watch]}`)
		t.create(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: metrics-server}, spec: {selector: {matchLabels: {app: metrics}}, template: {metadata: {labels: {app: metrics}}, spec: {terminationGracePeriodSeconds: 1, containers: [
			{name: main, image: "minke.local/metrics-server:latest", imagePullPolicy: IfNotPresent, readinessProbe: {periodSeconds: 1, httpGet: {scheme: HTTPS, path: /readyz, port: 10250}},
			command: [metrics-server, --secure-port=10250, --cert-dir=/tmp, --kubelet-preferred-address-types=InternalIP, --kubelet-use-node-status-port, --metric-resolution=10s, --kubelet-request-timeout=5s,
				--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt]}]}}}}`)
		t.create(`{apiVersion: v1, kind: Service, metadata: {name: metrics-server}, spec: {selector: {app: metrics}, ports: [{port: 443, targetPort: 10250}]}}`)
		const at = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
		t.post("/apis/apiregistration.k8s.io/v1/apiservices", fmt.Sprintf(`{"metadata":{"name":"v1beta1.metrics.k8s.io"},"spec":{"group":"metrics.k8s.io","version":"v1beta1","groupPriorityMinimum":100,"versionPriority":100,"insecureSkipTLSVerify":true,"service":{"namespace":%q,"name":"metrics-server"}}}`, t.ns))
		t.later(at)
		t.wait(at, "metrics-server is available", func(o object) error { return want("Available", o.condition("Available"), "True") })
		t.until("kubectl top knows the nodes", func() error {
			out, err := t.tryKubectl("", "top", "nodes")
			if err == nil && !strings.Contains(out, "node-1") {
				err = fmt.Errorf("it says %s", out)
			}
			return err
		})
		t.until("kubectl top knows the pods", func() error {
			out, err := t.tryKubectl("", "top", "pods", "-n", t.ns)
			if err == nil && !strings.Contains(out, "metrics-server") {
				err = fmt.Errorf("it says %s", out)
			}
			return err
		})
	})
}

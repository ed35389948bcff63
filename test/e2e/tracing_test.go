//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minke/tracing/tracingtest"
)

// TestTracing: a collector on the host gets the spans of a cluster's API server,
// and each component's metrics tell what it asks of the API.
func TestTracing(t *testing.T) {
	dir := t.TempDir()
	socket, config := filepath.Join(dir, "otlp.sock"), filepath.Join(dir, "tracing.yaml")
	collector := tracingtest.Listen(t, "unix", socket)
	text := "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: unix://" + socket + "\nsamplingRatePerMillion: 1000000\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := up(t, 2, "--tracing-config-file", config)
	c.kubectl("create", "configmap", "traced", "--from-literal=k=v")
	c.eventually("the spans of a request", func() error {
		for _, s := range collector.Named("Create local") {
			if strings.HasSuffix(s.Attr("key"), "/configmaps/default/traced") && strings.HasPrefix(s.Resource["service.instance.id"], "apiserver-") {
				return nil
			}
		}
		metrics := strings.Split(c.kubectl("get", "--raw", "/metrics"), "\n")
		own := slices.DeleteFunc(metrics, func(line string) bool { return !strings.HasPrefix(line, "otel_sdk_") })
		return fmt.Errorf("%d spans have come; the server says %q", len(collector.Spans()), own)
	})
	for _, at := range []string{"/metrics", "/api/v1/nodes/node-1/proxy/metrics", "/api/v1/nodes/node-2/proxy/metrics"} {
		host := "in-process"
		if strings.Contains(at, "node-2") {
			host = "" // its address
		}
		if line := `rest_client_requests_total{code="200",host="` + host; !strings.Contains(c.kubectl("get", "--raw", at), line) {
			t.Errorf("%s lacks %s", at, line)
		}
	}
}

package cluster

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
	"minke/store/local"
)

// TestClientMetrics: /metrics tells what the parts of this process ask of the API.
func TestClientMetrics(t *testing.T) {
	w := newTestServer(t, local.OpenMemory())
	const line = `rest_client_requests_total{code="404",host="in-process",method="GET"} `
	count := func() string {
		_, rest, _ := strings.Cut(w.do("GET", "/metrics", "").Body.String(), line)
		n, _, _ := strings.Cut(rest, "\n")
		return n
	}
	before := count()
	for range 3 {
		if _, err := client.Of(w.self, client.Nodes).Get(t.Context(), "", "none"); !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	if after := count(); before != "" || after != "3" {
		t.Errorf("%s%q, and before %q", line, after, before)
	}
	text := w.do("GET", "/metrics", "").Body.String()
	for _, line := range []string{
		`rest_client_request_duration_seconds_count{host="in-process",verb="GET"}`,
		`apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="false",type="validate"}`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("there is no %s", line)
		}
	}
}

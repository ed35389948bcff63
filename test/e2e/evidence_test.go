//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// TestAudit: a cluster with a policy writes who did what, and no secret where
// the policy wants metadata alone.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, resources: [{resources: [secrets]}]}
- {level: Request, namespaces: [default], resources: [{resources: [configmaps]}]}
- {level: None}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := up(t, 1, "--audit-policy-file", policy, "--audit-log-path", log)
	c.kubectl("create", "secret", "generic", "s", "--from-literal=k=hidden-value")
	c.kubectl("create", "configmap", "c", "--from-literal=k=shown-value")
	data, err := os.ReadFile(log) // blocking mode: it is there before the answer
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hidden-value") || strings.Contains(string(data), "aGlkZGVuLXZhbHVl") {
		t.Error("the log tells a secret")
	}
	seen := map[string]auditv1.Event{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var e auditv1.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Verb == "create" && e.User.Username == "kubernetes-admin" {
			seen[e.ObjectRef.Resource+"/"+e.ObjectRef.Name] = e
		}
	}
	secret, config := seen["secrets/s"], seen["configmaps/c"]
	if secret.ResponseStatus == nil || secret.ResponseStatus.Code != 201 || secret.Annotations["authorization.k8s.io/decision"] != "allow" {
		t.Errorf("the secret's event: %+v", secret)
	}
	if config.RequestObject == nil || !strings.Contains(string(config.RequestObject.Raw), "shown-value") || config.ResponseObject != nil {
		t.Errorf("the config map's event: %+v", config)
	}
}

// TestFlowControl: the bootstrap objects are there and are kept, and a schema
// of one's own acts.
func TestFlowControl(t *testing.T) {
	c := up(t, 1)
	c.eventually("bootstrap schemas", func() error {
		if n := len(strings.Fields(c.kubectl("get", "flowschemas", "-o", "name"))); n != 11 {
			return fmt.Errorf("%d flow schemas, want 11", n)
		}
		return nil
	})
	c.kubectl("delete", "flowschema", "probes")
	c.kubectl("patch", "prioritylevelconfiguration", "workload-low", "--type=merge", "-p", `{"spec":{"limited":{"nominalConcurrencyShares":7}}}`)
	c.eventually("repair", func() error {
		shares := c.kubectl("get", "prioritylevelconfiguration", "workload-low", "-o", "jsonpath={.spec.limited.nominalConcurrencyShares}")
		if shares != "100" || !strings.Contains(c.kubectl("get", "flowschemas", "-o", "name"), "/probes") {
			return fmt.Errorf("workload-low has %s shares", shares)
		}
		return nil
	})
	c.apply(`
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: own}
spec:
  matchingPrecedence: 50
  priorityLevelConfiguration: {name: own}
  rules: [{subjects: [{kind: User, user: {name: jane}}], nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]}]
`)
	dangling := func(want string) func() error {
		return func() error {
			got := c.kubectl("get", "flowschema", "own", "-o", "jsonpath={.status.conditions[0].status}")
			if got != want {
				return fmt.Errorf("Dangling is %q, want %q", got, want)
			}
			return nil
		}
	}
	c.eventually("Dangling", dangling("True"))
	c.apply(`
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: own}
spec: {type: Limited, limited: {nominalConcurrencyShares: 10, limitResponse: {type: Reject}}}
`)
	c.eventually("not Dangling", dangling("False"))
	c.kubectl("get", "--raw", "/version", "--as=jane", "--as-group=system:authenticated")
	const line = `apiserver_flowcontrol_dispatched_requests_total{flow_schema="own",priority_level="own"} 1`
	if !strings.Contains(c.kubectl("get", "--raw", "/metrics"), line) {
		t.Errorf("/metrics lacks %s", line)
	}
}

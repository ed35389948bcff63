//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestKillInRollout kills the server's process, without warning, in the middle
// of a rollout with 20 pods, and takes the cluster up again: what was
// acknowledged is there, the pods that ran were not restarted, and the rollout
// ends.
func TestKillInRollout(t *testing.T) {
	c := up(t, 1)
	c.apply(strings.Replace(spread, "replicas: 9", "replicas: 20", 1))
	c.kubectl("rollout", "status", "deploy/spread", "--timeout=80s")
	c.kubectl("create", "configmap", "before", "--from-literal=kept=yes")
	c.kubectl("set", "env", "deploy/spread", "GENERATION=2")
	// The acknowledgement of the change is the middle of the rollout: the
	// controller has 20 pods to replace and has had a few milliseconds.
	before := startTimes(c)

	pid, err := os.ReadFile(filepath.Join("/run/minke", c.Name, "node-1", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.start(1)

	if got := c.kubectl("get", "cm", "before", "-o", "jsonpath={.data.kept}"); got != "yes" {
		t.Errorf("the acknowledged ConfigMap has %q", got)
	}
	if env := c.kubectl("get", "deploy/spread", "-o", "jsonpath={.spec.template.spec.containers[0].env[0].value}"); env != "2" {
		t.Errorf("the acknowledged change of the deployment has %q", env)
	}
	for name, started := range startTimes(c) {
		// One that runs no more was ended by the rollout, which is right.
		if was := before[name]; was != "" && started != "" && was != started {
			t.Errorf("pod %s was restarted: its container started %s, before the kill it was %s", name, started, was)
		}
	}
	c.kubectl("rollout", "status", "deploy/spread", "--timeout=80s")
	restarts := c.kubectl("get", "pods", "-l", "app=spread", "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount}")
	for _, r := range strings.Fields(restarts) {
		if r != "0" {
			t.Errorf("restart counts are %s, wanted all 0", restarts)
			break
		}
	}
}

// startTimes maps each pod to the time when its container started.
func startTimes(c *Cluster) map[string]string {
	c.t.Helper()
	out := c.kubectl("get", "pods", "-l", "app=spread", "-o",
		`jsonpath={range .items[*]}{.metadata.name}={.status.containerStatuses[0].state.running.startedAt}{"\n"}{end}`)
	times := map[string]string{}
	for _, line := range strings.Fields(out) {
		name, at, _ := strings.Cut(line, "=")
		times[name] = at
	}
	return times
}

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestPodsThatCannotRun: the reason stands where Kubernetes puts it, in the
// container's state and in an event.
func TestPodsThatCannotRun(t *testing.T) {
	c := up(t, 1)
	tests := []struct{ name, container, reason, event string }{
		{"no-image", `image: minke.local/no-such-image:1`, "ErrImagePull|ImagePullBackOff", "Failed"},
		{"never-pulled", `image: minke.local/no-such-image:1, imagePullPolicy: Never`, "ErrImageNeverPull", "ErrImageNeverPull"},
		{"bad-name", `image: "UPPER CASE!"`, "InvalidImageName", "InspectFailed"},
		{"bad-command", `image: toolbox, imagePullPolicy: Never, command: [/no/such/file]`, "RunContainerError|CrashLoopBackOff|StartError", "Failed"},
		{"no-configmap", `image: toolbox, imagePullPolicy: Never, envFrom: [{configMapRef: {name: missing}}]`, "CreateContainerConfigError", `configmap "missing" not found`},
		{"exits", `image: toolbox, imagePullPolicy: Never, command: [sh, -c, "exit 3"]`, "CrashLoopBackOff|Error", "BackOff|Started"},
	}
	for _, tt := range tests {
		c.apply(fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: c, %s}]}\n", tt.name, tt.container))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := *c
			c.t = t
			c.eventually("the reason", func() error {
				state := c.kubectl("get", "pod", tt.name, "-o", "jsonpath={.status.containerStatuses[0].state}{.status.containerStatuses[0].lastState}")
				events := c.kubectl("get", "events", "--field-selector", "involvedObject.name="+tt.name)
				if !containsAny(state, tt.reason) || !containsAny(events, tt.event) {
					return fmt.Errorf("wanted %s in the state and %s in the events, got\n%s\n%s", tt.reason, tt.event, state, events)
				}
				return nil
			})
		})
	}
}

func containsAny(text, alternatives string) bool {
	for _, a := range strings.Split(alternatives, "|") {
		if strings.Contains(text, a) {
			return true
		}
	}
	return false
}

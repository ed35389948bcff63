package cluster

import (
	"strings"
	"testing"
)

// The checks of the start fail until what their names say has happened.
func TestStages(t *testing.T) {
	s := &Server{bootstrapped: newStage(), routed: newStage()}
	failing := func() string {
		var names []string
		for name, check := range s.stages() {
			if check(t.Context()) != nil {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	has := func(when, name string, want bool) {
		t.Helper()
		if strings.Contains(failing(), name) != want {
			t.Errorf("%s: %s fails: %v, want %v", when, name, !want, want)
		}
	}
	has("at first", "crd-informer-synced", false)
	has("at first", "rbac/bootstrap-roles", true)
	has("at first", "autoregister-completion", true)
	s.bootstrapped.reach()
	has("when the objects are there", "rbac/bootstrap-roles", false)
	has("when the objects are there", "apiservice-registration-controller", true)
	s.routed.reach()
	s.routed.reach() // APIServices are followed anew
	if left := failing(); left != "" {
		t.Errorf("in the end %s fail", left)
	}
}

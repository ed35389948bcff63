package cluster

import (
	"testing"

	"minke/cluster/options"
)

func TestFlagValues(t *testing.T) {
	o := options.API{Reads: 7}
	o.Fairness.Off = true
	values := o.Values()
	for name, want := range map[string]string{"max-requests-inflight": "7", "enable-priority-and-fairness": "false", "audit-log-path": ""} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("--%s is %q (%v), want %q", name, got, ok, want)
		}
	}
	if o.Reads != 7 || !o.Fairness.Off {
		t.Errorf("showing the flags changed them: %+v", o)
	}
}

package options

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestServedFlags: flags are refused at once when they are wrong, add up, and
// survive being written down.
func TestServedFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--feature-gates=NoSuchGate=true": "unrecognized feature gate: NoSuchGate",
		"--runtime-config=a.b/v1=true":    "unknown api groups a.b/v1",
	} {
		var o API
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.AddFlags(flags)
		if err := flags.Parse([]string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
	var o, again API
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(flags)
	if !o.IsZero() {
		t.Error("options are not zero at first")
	}
	err := flags.Parse([]string{"--runtime-config=api/beta=true", "--runtime-config=api/alpha=true", "--feature-gates=AllAlpha=true"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &again); err != nil || again.RuntimeConfig != "api/beta=true,api/alpha=true" || again.FeatureGates != "AllAlpha=true" {
		t.Errorf("%s became %+v: %v", data, again, err)
	}
	if all, gates, err := again.Resources(); err != nil || !gates.Enabled("CBORServingAndStorage") || len(all) < 70 {
		t.Errorf("%d resources, %v, %v", len(all), gates, err)
	}
}

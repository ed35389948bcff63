package feature

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"CBORServingAndStorage=true":          "",
		" CBORServingAndStorage = true , ":    "",
		"AllAlpha=true,AllBeta=false":         "",
		"WatchList":                           "missing bool value for WatchList",
		"WatchList=yes":                       "invalid value of WatchList=yes",
		"NoSuchGate=true":                     "unrecognized feature gate: NoSuchGate",
		"SidecarContainers=true":              "",
		"SidecarContainers=false":             "cannot set feature gate SidecarContainers to false, feature is locked to true",
		"AllowServiceLBStatusOnNonLB=true":    "feature is locked to false",
		"WatchList=true,SidecarContainers=no": "invalid value",
	} {
		_, err := Parse(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestEnabled(t *testing.T) {
	for _, c := range []struct {
		set, name string
		want      bool
	}{
		{"", "CBORServingAndStorage", false},
		{"", "WatchList", true},
		{"", "NoSuchGate", false},
		{"CBORServingAndStorage=true", "CBORServingAndStorage", true},
		{"AllAlpha=true", "CBORServingAndStorage", true},
		{"AllAlpha=true,CBORServingAndStorage=false", "CBORServingAndStorage", false},
		{"AllBeta=false", "WatchList", false},
		{"AllBeta=true", "ClusterTrustBundle", true},
		{"AllBeta=false", "SidecarContainers", true},
	} {
		gates, err := Parse(c.set)
		if err != nil || gates.Enabled(c.name) != c.want {
			t.Errorf("%q: %s is %t, want %t (%v)", c.set, c.name, !c.want, c.want, err)
		}
	}
}

// TestKnown: no gate stands twice in the table.
func TestKnown(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(known) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if s := Stage(fields[0]); s != Alpha && s != Beta && s != Stable || fields[1] != "on" && fields[1] != "off" {
			t.Errorf("what is %q?", line)
		}
		for _, name := range fields[2:] {
			if seen[name] {
				t.Errorf("%s is named twice", name)
			}
			seen[name] = true
		}
	}
}

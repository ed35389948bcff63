package controllers

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"minke/client"
	"minke/controllers/certificates"
)

// TestChoice: which controllers --controllers lets run, by the names of Kubernetes.
func TestChoice(t *testing.T) {
	for _, test := range []struct {
		choice  string
		on, off string
	}{
		{"", "job deployment event-ttl", ""},
		{"*", "job deployment event-ttl", ""},
		{"*,-job-controller", "deployment", "job"},
		{"-job,*", "deployment", "job"},
		{"deployment", "deployment event-ttl resource-watch", "job volume-protection"},
		{"job,-job", "job", "deployment"},
		{"*,-pvc-protection,-persistentvolume-protection-controller", "job", "volume-protection"},
		{"*,-ttl-controller,bootstrap-signer-controller", "ttl-after-finished", ""},
	} {
		var c Choice
		if test.choice != "" {
			c = strings.Split(test.choice, ",")
		}
		if err := c.Check(); err != nil {
			t.Errorf("%q: %v", test.choice, err)
		}
		for _, name := range strings.Fields(test.on) {
			if !c.runs(name) {
				t.Errorf("%q: %s does not run", test.choice, name)
			}
		}
		for _, name := range strings.Fields(test.off) {
			if c.runs(name) {
				t.Errorf("%q: %s runs", test.choice, name)
			}
		}
	}
	for choice, want := range map[string]string{
		"*,-jobs":           `"jobs" is not in the list of known controllers`,
		"*,-pvc-protection": "are one controller (volume-protection)",
	} {
		if err := Choice(strings.Split(choice, ",")).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", choice, err, want)
		}
	}
}

// TestNamesAreOfControllers: every name is of a controller that there is.
func TestNamesAreOfControllers(t *testing.T) {
	there := map[string]bool{"node-ipam": true, "garbage-collector": true, "resourcequota": true}
	config := &Config{RootCA: []byte("x"), Tokens: func(*corev1.ServiceAccount, string) (string, error) { return "", nil },
		Stored: func(context.Context) ([]client.APIResource, error) { return nil, nil }, Signer: struct{ certificates.Signer }{}}
	for _, e := range append(list(config), optional(config)...) {
		there[e.name] = true
	}
	for name := range names {
		if !there[name] {
			t.Errorf("there is no controller %s", name)
		}
	}
}

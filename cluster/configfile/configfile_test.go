package configfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdmission(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("own.yaml", "limits: []")
	got, err := Admission(write("all.yaml", `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- {name: A, path: own.yaml}
- {name: B, configuration: {kind: Own, size: 1}}
- {name: C}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "limits: []", "B": `{"kind":"Own","size":1}`, "C": ""} {
		if have, ok := got[name]; !ok || string(have) != want {
			t.Errorf("%s: %q (%v), want %q", name, have, ok, want)
		}
	}
	for name, bad := range map[string]string{
		"unknown field": "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugin: []\n",
		"another kind":  "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n",
		"missing file":  "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [{name: A, path: none.yaml}]\n",
		"no kind":       "plugins: []\n",
	} {
		if _, err := Admission(write("bad.yaml", bad)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, version := range []string{"v1alpha1", "v1beta1", "v1"} {
		c, err := Authentication([]byte("apiVersion: apiserver.config.k8s.io/" + version + "\nkind: AuthenticationConfiguration\njwt: [{issuer: {url: https://x, audiences: [a]}}]\n"))
		if err != nil || len(c.JWT) != 1 || c.JWT[0].Issuer.URL != "https://x" {
			t.Errorf("AuthenticationConfiguration %s: %+v, %v", version, c, err)
		}
		traced, err := Tracing([]byte("apiVersion: apiserver.config.k8s.io/" + version + "\nkind: TracingConfiguration\nendpoint: a:1\nsamplingRatePerMillion: 7\n"))
		if err != nil || *traced.Endpoint != "a:1" || *traced.SamplingRatePerMillion != 7 {
			t.Errorf("TracingConfiguration %s: %+v, %v", version, traced, err)
		}
	}
	c, err := Authorization([]byte("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: [{type: Webhook, name: w, webhook: {}}]\n"))
	if err != nil || c.Authorizers[0].Webhook.AuthorizedTTL.Duration == 0 {
		t.Errorf("defaults are not set: %+v, %v", c, err)
	}
	if _, err := Authorization([]byte("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizer: []\n")); err == nil || !strings.Contains(err.Error(), "authorizer") {
		t.Errorf("unknown field: %v", err)
	}
}

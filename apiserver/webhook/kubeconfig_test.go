package webhook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKubeconfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("ca.pem", "authority")
	write("token", "secret\n")
	const config = `
current-context: c
contexts: [{name: other, context: {cluster: none, user: none}}, {name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://x/audit", certificate-authority: ca.pem}}]
users: [{name: u, user: {tokenFile: token}}]
`
	e, err := Kubeconfig(write("config", config))
	if err != nil || e.URL != "https://x/audit" || string(e.CABundle) != "authority" || e.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("%+v, %v", e, err)
	}
	basic := strings.Replace(config, "{tokenFile: token}", "{username: a, password: b}", 1)
	if e, err := Kubeconfig(write("basic", basic)); err != nil || e.Header.Get("Authorization") != "Basic YTpi" {
		t.Errorf("%+v, %v", e, err)
	}
	for name, text := range map[string]string{
		"no such context":  strings.Replace(config, "current-context: c", "current-context: d", 1),
		"unchecked server": strings.Replace(config, "certificate-authority: ca.pem", "insecure-skip-tls-verify: true", 1),
		"another name":     strings.Replace(config, "certificate-authority: ca.pem", "tls-server-name: y", 1),
		"a program to run": strings.Replace(config, "{tokenFile: token}", "{exec: {command: x}}", 1),
		"no such file":     strings.Replace(config, "ca.pem", "none.pem", 1),
		"bad certificate":  strings.Replace(config, "{tokenFile: token}", "{client-certificate-data: YQ==, client-key-data: YQ==}", 1),
	} {
		if e, err := Kubeconfig(write("bad", text)); err == nil {
			t.Errorf("%s was accepted: %+v", name, e)
		}
	}
}

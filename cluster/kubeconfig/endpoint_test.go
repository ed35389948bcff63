package kubeconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minke/cluster/pki"
)

func TestEndpoint(t *testing.T) {
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	if err := Write(own, "c", "https://webhook.example:8443/review", ca); err != nil {
		t.Fatal(err)
	}
	at, err := Endpoint(own)
	if err != nil || at.URL != "https://webhook.example:8443/review" || string(at.CABundle) != string(ca.CertPEM) || at.Certificate == nil {
		t.Errorf("a written kubeconfig gives %+v, %v", at, err)
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const base = `
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://w"}}]
users: [{name: u, user: {tokenFile: token}}]
`
	for _, c := range []struct{ name, from, to, header, refused string }{
		{name: "token file", header: "Bearer secret"},
		{name: "password", from: "tokenFile: token", to: "username: a, password: b", header: "Basic YTpi"},
		{name: "nobody", from: "users:", to: "other:", header: ""},
		{name: "no context", from: "current-context: c", to: "current-context: d", refused: "names no cluster"},
		{name: "no TLS", from: "https://w", to: "http://w", refused: "no https server"},
		{name: "unchecked", from: `server: "https://w"`, to: `server: "https://w", insecure-skip-tls-verify: true`, refused: "not supported"},
		{name: "missing file", from: "tokenFile: token", to: "tokenFile: none", refused: "no such file"},
		{name: "exec", from: "tokenFile: token", to: "exec: {command: x}", refused: "not supported"},
	} {
		if err := os.WriteFile(file, []byte(strings.Replace(base, c.from, c.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		at, err := Endpoint(file)
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
		if got := at.Header.Get("Authorization"); err == nil && got != c.header {
			t.Errorf("%s: Authorization %q, want %q", c.name, got, c.header)
		}
	}
}

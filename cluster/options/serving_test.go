package options

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"minke/cluster/pki"
)

func TestTLSFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--tls-min-version=VersionTLS13 --tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 --tls-curve-preferences=29,4588 --disable-http2-serving": "",
		"--tls-min-version=VersionTLS14":         "--tls-min-version: ",
		"--tls-cipher-suites=TLS_NONE":           "--tls-cipher-suites: ",
		"--tls-curve-preferences=29,29":          "--tls-curve-preferences: duplicate",
		"--tls-sni-cert-key=/none.crt,/none.key": "--tls-sni-cert-key: ",
	} {
		o, err := parsed(args)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
		err = o.Serving.Apply(config)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", args, err, want)
			}
			continue
		}
		if err != nil || config.MinVersion != tls.VersionTLS13 || len(config.CipherSuites) != 1 || len(config.CurvePreferences) != 2 || !slices.Equal(config.NextProtos, []string{"http/1.1"}) {
			t.Errorf("%s: %+v, %v", args, config, err)
		}
	}
}

// TestNamedCertificates: clients get the certificate of the name that they ask
// for, and its successor when the files were written anew.
func TestNamedCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	write := func(names ...string) {
		pair, err := ca.ServingCert("named", pki.Serving{CommonName: names[0], Names: names})
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range map[string][]byte{cert: pair.CertPEM, key: pair.KeyPEM} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("a.example", "*.b.example")
	synctest.Test(t, func(t *testing.T) {
		var c namedCertificates
		for _, text := range []string{cert + "," + key, cert + "," + key + ":c.example"} {
			if err := c.Set(text); err != nil {
				t.Fatal(err)
			}
		}
		var config tls.Config
		if err := c.apply(&config); err != nil {
			t.Fatal(err)
		}
		shown := func(name string) string {
			pair, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
			if err != nil {
				t.Fatal(err)
			}
			if pair == nil {
				return ""
			}
			return pair.Leaf.Subject.CommonName
		}
		for name, want := range map[string]string{"a.example": "a.example", "A.example": "a.example", "x.b.example": "a.example",
			"x.y.b.example": "", "c.example": "a.example", "kubernetes": "", "": ""} {
			if got := shown(name); got != want {
				t.Errorf("%s is shown %q, want %q", name, got, want)
			}
		}
		write("successor.example", "a.example", "*.b.example")
		if got := shown("a.example"); got != "a.example" {
			t.Errorf("at once %q is shown", got)
		}
		time.Sleep(renewPause)
		if got := shown("a.example"); got != "successor.example" {
			t.Errorf("later %q is shown", got)
		}
		if err := os.WriteFile(key, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(renewPause)
		if got := shown("a.example"); got != "successor.example" {
			t.Errorf("after files that are no pair %q is shown", got)
		}
	})
}

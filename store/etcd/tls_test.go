package etcd

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minke/cluster/pki"
	"minke/store"
	"minke/test/peers"
)

// TestTLS holds that etcd is verified, and is shown the client's certificate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.ServingCert("etcd", pki.Serving{CommonName: "etcd", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.ClientCert("client", pki.Client{User: "minke"}); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	other := t.TempDir()
	if _, err := pki.Open(other); err != nil {
		t.Fatal(err)
	}
	member := peers.StartEtcd(t, "--cert-file", at("etcd.crt"), "--key-file", at("etcd.key"), "--client-cert-auth", "--trusted-ca-file", at("ca.crt"))
	cases := []struct {
		name string
		o    Options
		good bool
	}{
		{"as it should be", Options{CAFile: at("ca.crt"), CertFile: at("client.crt"), KeyFile: at("client.key"), Timeout: 10 * time.Second}, true},
		{"no client certificate", Options{CAFile: at("ca.crt")}, false},
		{"another authority", Options{CAFile: filepath.Join(other, "ca.crt"), CertFile: at("client.crt"), KeyFile: at("client.key")}, false},
	}
	for _, c := range cases {
		if c.o.Timeout == 0 {
			c.o.Timeout = 300 * time.Millisecond
		}
		c.o.Log = quiet
		st := open(t, []string{member.URL}, c.o)
		_, _, err := st.Get(t.Context(), "/a")
		if c.good && err != nil || !c.good && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	cases := []struct {
		o    Options
		want string
	}{
		{Options{}, "no endpoint is named"},
		{Options{Endpoints: []string{"10.0.0.1:2379"}}, `endpoint "10.0.0.1:2379": want a URL`},
		{Options{Endpoints: []string{"http://10.0.0.1"}}, "want a URL"},
		{Options{Endpoints: []string{"http://a:1", "https://b:1"}}, "all endpoints must be https, or all http"},
		{Options{Endpoints: []string{"https://a:1"}, CAFile: "/nowhere"}, "read the CA"},
		{Options{Endpoints: []string{"https://a:1"}, CertFile: "a"}, "needs both its file and its key's"},
	}
	for _, c := range cases {
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.o.Endpoints, err, c.want)
		}
	}
}

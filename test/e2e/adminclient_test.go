//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// adminClient sends raw requests, with the administrator's certificate or
// another identity.
type adminClient struct {
	t      testing.TB
	server string
	client http.Client
	// token, if any, is sent as the bearer's.
	token string
}

func (c *Cluster) admin() *adminClient {
	c.t.Helper()
	config := c.config()
	cert, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.with(cert)
}

// bearer sends requests with a token instead of a certificate.
func (c *Cluster) bearer(token string) *adminClient {
	a := c.with()
	a.token = token
	return a
}

// withCert sends requests with a certificate of the cluster's own, by its name
// below pki/.
func (c *Cluster) withCert(name string) *adminClient {
	c.t.Helper()
	path := filepath.Join(c.Data, "pki", name)
	cert, err := tls.LoadX509KeyPair(path+".crt", path+".key")
	if err != nil {
		c.t.Fatal(err)
	}
	return c.with(cert)
}

func (c *Cluster) config() *rest.Config {
	c.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		c.t.Fatal(err)
	}
	return config
}

func (c *Cluster) with(certs ...tls.Certificate) *adminClient {
	config := c.config()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.CAData)
	return &adminClient{t: c.t, server: config.Host, client: http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DisableCompression: true,
			TLSClientConfig:    &tls.Config{RootCAs: pool, Certificates: certs},
		},
	}}
}

// do sends a request and returns the answer's code and body. media is the
// Content-Type; further lines "Name: value" in it are further headers.
func (a *adminClient) do(method, path, media, body string) (int, string) {
	a.t.Helper()
	r, err := http.NewRequest(method, a.server+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	lines := strings.Split(media, "\n")
	r.Header.Set("Content-Type", lines[0])
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.client.Do(r)
	if err != nil {
		a.t.Fatalf("%s %.100s: %v", method, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatalf("%s %.100s: %v", method, path, err)
	}
	return answer.StatusCode, string(text)
}

// process is a running process, by its folder in /proc.
type process string

// server finds the process of the cluster's first node, which serves the API.
func (c *Cluster) server() process {
	c.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range all {
		line, err := os.ReadFile(p + "/cmdline")
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(string(line), "\x00")
		if len(args) > 1 && args[1] == "node" && slices.Contains(args, c.Name) && strings.Contains(string(line), "--index\x001\x00") {
			return process(p)
		}
	}
	c.t.Fatalf("no process of the cluster %s", c.Name)
	return ""
}

// resetPeak forgets the highest memory use so far and returns the present one,
// in bytes.
func (p process) resetPeak(t *testing.T) int64 {
	t.Helper()
	if err := os.WriteFile(string(p)+"/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return p.status(t, "VmRSS")
}

// peak returns the highest resident memory since resetPeak, in bytes.
func (p process) peak(t *testing.T) int64 {
	t.Helper()
	return p.status(t, "VmHWM")
}

func (p process) status(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(string(p) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal(fmt.Errorf("read %s/status: no %s", p, name))
	return 0
}

package peers

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"minke/cluster/kubeconfig"
	"minke/cluster/pki"
)

// APIExtensions is upstream's own server of custom resources, the part of
// kube-apiserver that runs without the rest.
type APIExtensions struct {
	// URL is where it listens, on loopback; Client is its administrator's.
	URL    string
	Client *http.Client
	dir    string
	args   []string
	cmd    *exec.Cmd
}

// NewAPIExtensions makes one that keeps its state in an etcd where kube-apiserver
// would. It ends with the test.
func NewAPIExtensions(t testing.TB, etcd string) *APIExtensions {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &APIExtensions{URL: "https://" + address, dir: t.TempDir()}
	ca, err := pki.Open(filepath.Join(s.dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.ServingCert("apiserver", pki.Serving{CommonName: "apiserver", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	admin, err := ca.ClientCert("admin", pki.Client{User: kubeconfig.Admin, Groups: []string{"system:masters"}})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(s.dir, "kubeconfig")
	if err := kubeconfig.Write(config, "upstream", s.URL, ca); err != nil {
		t.Fatal(err)
	}
	s.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{admin.TLS}}}}
	file := func(name string) string { return filepath.Join(s.dir, "pki", name) }
	s.args = []string{
		"--etcd-servers", etcd, "--etcd-prefix", "/registry", "--bind-address", "127.0.0.1", "--secure-port", port,
		"--tls-cert-file", file("apiserver.crt"), "--tls-private-key-file", file("apiserver.key"),
		"--client-ca-file", file("ca.crt"), "--authentication-skip-lookup",
		"--authentication-kubeconfig", config, "--authorization-kubeconfig", config, "--kubeconfig", config,
		// Whatever asks for core objects is off: there are none.
		"--enable-priority-and-fairness=false",
		"--disable-admission-plugins", "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy",
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Start starts it, and waits until it answers.
func (s *APIExtensions) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(Binary(t, "apiextensions-apiserver"), s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Its informers want core objects: that check never passes.
	s.Until(t, "GET", "/readyz?exclude=informer-sync", "", http.StatusOK, "")
}

// Stop ends it and waits for it.
func (s *APIExtensions) Stop(t testing.TB) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // says that it was killed
	s.cmd = nil
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		t.Logf("apiextensions-apiserver said at last: %s", log[max(0, len(log)-2000):])
	}
}

// Until asks until the answer has the code and contains text, for a minute at
// most: there is nothing by which a program of others tells that it is done.
func (s *APIExtensions) Until(t testing.TB, method, path, body string, code int, text string) string {
	t.Helper()
	return Until(t, s.Client, method, s.URL+path, body, code, text)
}

// Until is that for any server.
func Until(t testing.TB, client *http.Client, method, url, body string, code int, text string) string {
	t.Helper()
	last := ""
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		got, answer, err := ask(client, method, url, body)
		if err == nil && got == code && strings.Contains(answer, text) {
			return answer
		}
		last = fmt.Sprint(got, " ", answer, " ", err)
	}
	t.Fatalf("%s %s: not %d with %q within a minute; at last %s", method, url, code, text, last)
	return ""
}

func ask(client *http.Client, method, url, body string) (int, string, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

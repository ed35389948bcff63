package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	streaming "k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
	"minke/client/fake"
	"minke/kubelet/cri"
	"minke/kubelet/fakeruntime"
)

// talker is a fake runtime whose processes echo.
type talker struct{ *fakeruntime.Runtime }

func (talker) ExecStream(_ context.Context, id string, cmd []string, in io.Reader, out, errs io.Writer, _ bool, _ <-chan streaming.TerminalSize) error {
	if in != nil {
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, strings.Join(cmd, " ")); err != nil {
		return err
	}
	if errs != nil {
		if _, err := io.WriteString(errs, "e"); err != nil {
			return err
		}
	}
	return utilexec.CodeExitError{Err: io.EOF, Code: 7}
}

func (talker) AttachStream(_ context.Context, _ string, _ io.Reader, out, _ io.Writer, _ bool, _ <-chan streaming.TerminalSize) error {
	_, err := io.WriteString(out, "attached")
	return err
}

func (talker) PortForwardStream(_ context.Context, _ string, _ int32, s io.ReadWriteCloser) error {
	defer s.Close()
	buf := make([]byte, 4)
	if _, err := io.ReadFull(s, buf); err != nil {
		return err
	}
	_, err := s.Write(bytes.ToUpper(buf))
	return err
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert, _ = x509.ParseCertificate(raw)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// serving is a server with one running pod.
type serving struct {
	url  string
	ca   *authority
	logs string
}

func serve(t *testing.T, change ...func(*Config)) *serving {
	s := &serving{ca: newAuthority(t), logs: t.TempDir()}
	rt := fakeruntime.New()
	labels := map[string]string{cri.LabelPodUID: "u"}
	box, err := rt.RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{Config: &runtimeapi.PodSandboxConfig{Metadata: &runtimeapi.PodSandboxMetadata{Name: "p"}, Labels: labels}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := rt.CreateContainer(t.Context(), &runtimeapi.CreateContainerRequest{PodSandboxId: box.PodSandboxId, SandboxConfig: &runtimeapi.PodSandboxConfig{},
		Config: &runtimeapi.ContainerConfig{Metadata: &runtimeapi.ContainerMetadata{Name: "web"}, Image: &runtimeapi.ImageSpec{}, Labels: labels, LogPath: "web/0.log", Linux: &runtimeapi.LinuxContainerConfig{}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: c.ContainerId}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.logs, "ns_p_u", "web")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0.log"), []byte("2026-01-02T03:04:05Z stdout F hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}}
	config := Config{NodeName: "n", API: fake.New().Guarded(t), Runtime: talker{rt}, Pods: func() []*corev1.Pod { return []*corev1.Pod{pod} },
		Ended: func(string) <-chan struct{} { return nil }, LogDir: s.logs, Certificate: s.ca.issue(t, "n"), ClientCAs: s.ca.pool, APIServer: "api", Collectors: []prometheus.Collector{others}}
	for _, c := range change {
		c(&config)
	}
	srv := New(config)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// client speaks as name, or as nobody.
func (s *serving) client(t *testing.T, name string) *http.Client {
	config := &tls.Config{RootCAs: s.ca.pool}
	if name != "" {
		config.Certificates = []tls.Certificate{s.ca.issue(t, name)}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

func (s *serving) config(t *testing.T) *rest.Config {
	cert := s.ca.issue(t, "api")
	return &rest.Config{Host: s.url, TLSClientConfig: rest.TLSClientConfig{CAData: pemOf("CERTIFICATE", s.ca.cert.Raw), CertData: pemOf("CERTIFICATE", cert.Certificate[0]), KeyData: keyOf(t, cert)}}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// others stands for the metrics of the node's other parts.
var others = prometheus.NewCounter(prometheus.CounterOpts{Name: "other_parts_total", Help: "Other parts."})

// TestMetrics: what the kubelet tells of itself and of other parts is one text.
func TestMetrics(t *testing.T) {
	s := serve(t)
	_, text := get(t, s.client(t, "api"), s.url+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for name, want := range map[string]float64{"kubelet_desired_pods": 1, "other_parts_total": 0} {
		f := families[name]
		if f == nil || f.Metric[0].GetGauge().GetValue()+f.Metric[0].GetCounter().GetValue() != want {
			t.Errorf("%s is %v, want %v", name, f, want)
		}
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		who, path string
		want      int
	}{
		{"", "/pods", 401}, {"", "/exec/ns/p/web?command=x&output=1", 401}, {"", "/healthz", 401},
		{"api", "/pods", 200}, {"api", "/healthz", 200}, {"api", "/metrics", 200}, {"api", "/metrics/resource", 200}, {"api", "/stats/summary", 200},
		{"api", "/logs/", 405}, {"api", "/containerLogs/ns/no/web", 404}, {"api", "/containerLogs/ns/p/no", 404},
		{"api", "/containerLogs/ns/p/web?previous=true", 400}, {"api", "/containerLogs/ns/p/web?tailLines=x", 422},
		{"api", "/run/ns/p/web?cmd=x", 405},
		// A GET without an upgrade never executes.
		{"api", "/exec/ns/p/web?command=x&output=1", 400},
	} {
		if code, body := get(t, s.client(t, c.who), s.url+c.path); code != c.want {
			t.Errorf("%q %s: %d %s", c.who, c.path, code, body)
		}
	}
	if code, body := get(t, s.client(t, "api"), s.url+"/containerLogs/ns/p/web"); code != 200 || body != "hello\n" {
		t.Errorf("%d %q", code, body)
	}
}

func TestExec(t *testing.T) {
	s := serve(t)
	at, err := url.Parse(s.url + "/exec/ns/p/web?command=say&command=hi&input=1&output=1&error=1")
	if err != nil {
		t.Fatal(err)
	}
	overSPDY, err := remotecommand.NewSPDYExecutor(s.config(t), "POST", at)
	if err != nil {
		t.Fatal(err)
	}
	overWebSocket, err := remotecommand.NewWebSocketExecutor(s.config(t), "GET", at.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]remotecommand.Executor{"SPDY": overSPDY, "WebSocket v5": overWebSocket} {
		var out, errs bytes.Buffer
		err := e.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader("in "), Stdout: &out, Stderr: &errs})
		exit, ok := err.(utilexec.ExitError)
		if !ok || exit.ExitStatus() != 7 || out.String() != "in say hi" || errs.String() != "e" {
			t.Errorf("%s: %q, %q, %v", name, out.String(), errs.String(), err)
		}
	}
}

func TestPortForward(t *testing.T) {
	s := serve(t)
	at, err := url.Parse(s.url + "/portForward/ns/p")
	if err != nil {
		t.Fatal(err)
	}
	rt, up, err := spdy.RoundTripperFor(s.config(t))
	if err != nil {
		t.Fatal(err)
	}
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(at, s.config(t))
	if err != nil {
		t.Fatal(err)
	}
	plain := spdy.NewDialer(up, &http.Client{Transport: rt}, "POST", at)
	ports := []string{"0:80"}
	for _, forward := range []func(stop, ready chan struct{}) (*portforward.PortForwarder, error){
		func(stop, ready chan struct{}) (*portforward.PortForwarder, error) {
			return portforward.New(plain, ports, stop, ready, io.Discard, io.Discard)
		},
		func(stop, ready chan struct{}) (*portforward.PortForwarder, error) {
			return portforward.New(tunnel, ports, stop, ready, io.Discard, io.Discard)
		},
	} {
		stop, ready := make(chan struct{}), make(chan struct{})
		f, err := forward(stop, ready)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- f.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-done:
			t.Fatal(err)
		}
		ports, err := f.GetPorts()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(ports[0].Local)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if string(answer) != "PING" {
			t.Errorf("%q, %v", answer, err)
		}
		conn.Close()
		close(stop)
		<-done
	}
}

package egress

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/apiserver/egress/egresstest"
)

// echo answers each line by itself until the test ends.
func echo(t *testing.T) (address string) {
	l := listen(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// pair makes a certificate for localhost that both sides of a connection use.
func pair(t *testing.T) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	private8, err2 := x509.MarshalPKCS8PrivateKey(private)
	cert, key = filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	err3 := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	err4 := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private8}), 0o600)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func tcp(url string, secured *apiserver.TLSConfig) *apiserver.Transport {
	return &apiserver.Transport{TCP: &apiserver.TCPTransport{URL: url, TLSConfig: secured}}
}

func uds(name string) *apiserver.Transport {
	return &apiserver.Transport{UDS: &apiserver.UDSTransport{UDSName: name}}
}

func only(name string, protocol apiserver.ProtocolType, transport *apiserver.Transport) *apiserver.EgressSelectorConfiguration {
	return &apiserver.EgressSelectorConfiguration{EgressSelections: []apiserver.EgressSelection{
		{Name: name, Connection: apiserver.Connection{ProxyProtocol: protocol, Transport: transport}}}}
}

// ways starts a proxy of each kind, all to the same place.
func ways(t *testing.T, p *egresstest.Proxy) map[string]*apiserver.EgressSelectorConfiguration {
	cert, key := pair(t)
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	text, _ := os.ReadFile(cert)
	pool.AppendCertsFromPEM(text)
	plain, secured := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	sockets := t.TempDir()
	p.Connect(t, plain)
	p.Connect(t, tls.NewListener(secured, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	p.Connect(t, listen(t, "unix", sockets+"/connect"))
	p.Konnectivity(t, listen(t, "unix", sockets+"/grpc"))
	return map[string]*apiserver.EgressSelectorConfiguration{
		"http_connect tcp":      only("Cluster", apiserver.ProtocolHTTPConnect, tcp("http://"+plain.Addr().String(), nil)),
		"http_connect tcp, tls": only("cluster", apiserver.ProtocolHTTPConnect, tcp("https://"+secured.Addr().String(), &apiserver.TLSConfig{CABundle: cert, ClientCert: cert, ClientKey: key, TLSServerName: "localhost"})),
		"http_connect uds":      only("cluster", apiserver.ProtocolHTTPConnect, uds(sockets+"/connect")),
		"grpc uds":              only("cluster", apiserver.ProtocolGRPC, uds(sockets+"/grpc")),
	}
}

func TestProxies(t *testing.T) {
	p := &egresstest.Proxy{To: map[string]string{"web.example:80": echo(t), "dead:1": "127.0.0.1:1"}}
	for name, config := range ways(t, p) {
		t.Run(name, func(t *testing.T) {
			s, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			if s.ControlPlane() != nil || s.Etcd() != nil {
				t.Error("networks that are not named have ways of their own")
			}
			// The connection outlives the context of dialling.
			ctx, cancel := context.WithCancel(context.Background())
			conn, err := s.Cluster()(ctx, "tcp", "web.example:80")
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for _, line := range []string{"hello\n", strings.Repeat("x", 100_000) + "\n"} {
				fmt.Fprint(conn, line)
				if got, err := r.ReadString('\n'); got != line {
					t.Errorf("%d bytes came back, %v, want %d", len(got), err, len(line))
				}
			}
			if err := conn.SetDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Error(err)
			}
			if _, err := r.ReadByte(); err == nil {
				t.Error("read after the deadline")
			}
			for _, address := range []string{"dead:1", "elsewhere:80"} {
				if _, err := s.Cluster()(context.Background(), "tcp", address); err == nil || !strings.Contains(err.Error(), "connect to "+address+" by way of proxy") {
					t.Errorf("%s: %v", address, err)
				}
			}
			protocol, transport, _ := strings.Cut(name, " ")
			transport, _, _ = strings.Cut(transport, ",")
			counted := fmt.Sprintf("protocol=%q,", protocol)
			if err := testutil.CollectAndCompare(s.metrics.starts, strings.NewReader(`
# HELP apiserver_egress_dialer_dial_start_total Dial starts, labeled by the protocol (http-connect or grpc) and transport (tcp or uds).
# TYPE apiserver_egress_dialer_dial_start_total counter
apiserver_egress_dialer_dial_start_total{`+counted+`transport="`+transport+`"} 3
`)); err != nil {
				t.Error(err)
			}
			if got := testutil.ToFloat64(s.metrics.failures.WithLabelValues(protocol, transport, "proxy")); got != 2 {
				t.Errorf("%v failures were counted", got)
			}
		})
	}
}

// TestProxyAway: a proxy that is not there, does not answer, or says nonsense.
func TestProxyAway(t *testing.T) {
	silent, strange, eager := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	for l, text := range map[net.Listener]string{strange: "hello\r\n\r\n", eager: "HTTP/1.1 200 OK\r\n\r\nmore"} {
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				fmt.Fprint(conn, text)
			}
		}()
	}
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		protocol     apiserver.ProtocolType
		transport    *apiserver.Transport
		cause, stage string
	}{
		{apiserver.ProtocolHTTPConnect, uds(none), "connect to proxy " + none, "connect"},
		{apiserver.ProtocolGRPC, uds(none), "connect to proxy " + none, "connect"},
		{apiserver.ProtocolHTTPConnect, tcp("http://127.0.0.1:1", nil), "connection refused", "connect"},
		{apiserver.ProtocolHTTPConnect, tcp("http://"+silent.Addr().String(), nil), "deadline exceeded", "proxy"},
		{apiserver.ProtocolHTTPConnect, tcp("http://"+strange.Addr().String(), nil), "malformed HTTP", "proxy"},
		{apiserver.ProtocolHTTPConnect, tcp("http://"+eager.Addr().String(), nil), "before it was asked", "proxy"},
	} {
		s, err := New(only("etcd", c.protocol, c.transport))
		if err != nil {
			t.Fatal(err)
		}
		wait := time.Minute
		if c.cause == "deadline exceeded" {
			wait = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		_, err = s.Etcd()(ctx, "tcp", "x:1")
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%v, want %q", err, c.cause)
		}
		protocol, transport := "http_connect", "tcp"
		if c.transport.UDS != nil {
			transport = "uds"
		}
		if c.protocol == apiserver.ProtocolGRPC {
			protocol = "grpc"
		}
		if got := testutil.ToFloat64(s.metrics.failures.WithLabelValues(protocol, transport, c.stage)); got != 1 {
			t.Errorf("%v failures to %s were counted", got, c.stage)
		}
	}
}

func TestDirect(t *testing.T) {
	s, err := New(only("controlplane", apiserver.ProtocolDirect, nil))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.ControlPlane()(t.Context(), "tcp", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var none *Selector
	if none.ControlPlane() != nil || none.Cluster() != nil || none.Etcd() != nil || none.Cluster().To() != nil || none.Collectors() != nil {
		t.Error("a nil selector has ways")
	}
}

func TestValidation(t *testing.T) {
	cert, key := pair(t)
	whole := func(change func(*apiserver.TLSConfig)) *apiserver.Transport {
		secured := &apiserver.TLSConfig{CABundle: cert, ClientCert: cert, ClientKey: key}
		change(secured)
		return tcp("https://x", secured)
	}
	const at = "egressSelections[0].connection."
	for _, c := range []struct {
		cause  string
		config *apiserver.EgressSelectorConfiguration
	}{
		{`egressSelections[0].name: Unsupported value: "mars"`, only("mars", apiserver.ProtocolDirect, nil)},
		{`egressSelections[1].name: Duplicate value: "ETCD"`, &apiserver.EgressSelectorConfiguration{
			EgressSelections: append(only("etcd", apiserver.ProtocolDirect, nil).EgressSelections, only("ETCD", apiserver.ProtocolDirect, nil).EgressSelections...)}},
		{at + `proxyProtocol: Unsupported value: "SOCKS"`, only("etcd", "SOCKS", nil)},
		{at + "transport: Forbidden", only("etcd", apiserver.ProtocolDirect, uds("/x"))},
		{at + "transport: Required", only("etcd", apiserver.ProtocolHTTPConnect, nil)},
		{at + "transport: Required", only("etcd", apiserver.ProtocolHTTPConnect, &apiserver.Transport{})},
		{at + "transport.uds: Required", only("etcd", apiserver.ProtocolGRPC, tcp("http://x", nil))},
		{at + "transport.uds.udsName: Required", only("etcd", apiserver.ProtocolGRPC, uds(""))},
		{"cannot both be set", only("etcd", apiserver.ProtocolHTTPConnect, &apiserver.Transport{TCP: &apiserver.TCPTransport{URL: "http://x"}, UDS: &apiserver.UDSTransport{UDSName: "/x"}})},
		{at + "transport.tcp.url: Invalid", only("etcd", apiserver.ProtocolHTTPConnect, tcp("x:1", nil))},
		{at + "transport.tcp.tlsConfig: Forbidden", only("etcd", apiserver.ProtocolHTTPConnect, tcp("http://x", &apiserver.TLSConfig{}))},
		{at + "transport.tcp.tlsConfig: Required", only("etcd", apiserver.ProtocolHTTPConnect, tcp("https://x", nil))},
		{at + "transport.tcp.tlsConfig.clientCert: Required", only("etcd", apiserver.ProtocolHTTPConnect, whole(func(c *apiserver.TLSConfig) { c.ClientCert = "" }))},
		{at + "transport.tcp.tlsConfig.clientKey: Required", only("etcd", apiserver.ProtocolHTTPConnect, whole(func(c *apiserver.TLSConfig) { c.ClientKey = "" }))},
		{at + "transport.tcp.tlsConfig.caBundle: Invalid", only("etcd", apiserver.ProtocolHTTPConnect, whole(func(c *apiserver.TLSConfig) { c.CABundle = "/nowhere" }))},
		{"holds no certificate", only("etcd", apiserver.ProtocolHTTPConnect, whole(func(c *apiserver.TLSConfig) { c.CABundle = key }))},
		{"read the client's certificate", only("etcd", apiserver.ProtocolHTTPConnect, whole(func(c *apiserver.TLSConfig) { c.ClientKey = cert }))},
	} {
		if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%v, want %q", err, c.cause)
		}
	}
}

package subresource

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/inprocess"
	"minke/apiserver/authz"
)

// kubeletServer is a kubelet that echoes on /exec and tells a log.
func kubeletServer(t *testing.T, f *fake) *httptest.Server {
	t.Helper()
	k := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/containerLogs/y/p/c"):
			fmt.Fprintf(w, "log %s", r.URL.RawQuery)
		case strings.HasPrefix(r.URL.Path, "/containerLogs/"):
			http.Error(w, "container is waiting to start", http.StatusBadRequest)
		case r.URL.Path == "/exec/y/p/c" && r.URL.Query().Get("command") == "refuse":
			http.Error(w, "container not found", http.StatusNotFound)
		case r.URL.Path == "/exec/y/p/c" || r.URL.Path == "/portForward/y/p":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s %s|", r.Header.Get("Upgrade"), r.URL.RawQuery, r.Header.Get("Authorization"))
			rw.Flush()
			io.Copy(conn, rw)
		default:
			fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(k.Close)
	u, _ := url.Parse(k.URL)
	port, _ := strconv.Atoi(u.Port())
	f.objs["nodes//n"] = &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: u.Hostname()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
	}}
	return k
}

func front(t *testing.T, s *Server, action string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(s.handlerAs(&inprocess.User{Name: "jane"}, action))
	t.Cleanup(srv.Close)
	return srv
}

func tlsOf(k *httptest.Server) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(k.Certificate())
	return &tls.Config{RootCAs: roots}
}

func TestLog(t *testing.T) {
	other := newPod("q", "n", corev1.PodRunning)
	f := &fake{objs: map[string]runtime.Object{"pods/y/p": newPod("p", "n", corev1.PodRunning), "pods/y/q": other, "pods/y/u": newPod("u", "", corev1.PodPending)}}
	s := f.server()
	s.Kubelet.TLS = tlsOf(kubeletServer(t, f))
	srv := front(t, s, "pods/log")
	for _, c := range []struct {
		path string
		code int
		text string
	}{
		{"p/log", 200, "log "},
		{"p/log?tailLines=3&follow=true&evil=1&pretty=x", 200, "log follow=true&tailLines=3"},
		{"p/log?tailLines=-1", 422, "tailLines: Invalid value: -1"},
		{"p/log?sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z", 422, "at most one of"},
		{"p/log?container=x", 400, "container x is not valid for pod p"},
		{"q/log", 400, "container is waiting to start"},
		{"u/log", 204, ""},
		{"nosuch/log", 404, "not found"},
	} {
		answer, err := http.Get(srv.URL + "/api/v1/namespaces/y/pods/" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.code || !strings.Contains(string(text), c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.path, answer.StatusCode, text, c.code, c.text)
		}
	}
	s.Kubelet.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	if answer, err := http.Get(srv.URL + "/api/v1/namespaces/y/pods/p/log"); err != nil || answer.StatusCode != 500 {
		t.Errorf("a kubelet that nobody vouches for: %v %v, want 500", answer, err)
	}
}

// A proxied upgrade must not hand out the server's connection to the kubelet
// (CVE-2018-1002105), and a GET must not execute without the verb create.
func TestTunnel(t *testing.T) {
	f := &fake{objs: map[string]runtime.Object{"pods/y/p": newPod("p", "n", corev1.PodRunning)}}
	s := f.server()
	s.Kubelet.TLS = tlsOf(kubeletServer(t, f))
	mayCreate := true
	f.allow = func(a authz.Attributes) bool { return a.Verb != "create" || mayCreate }
	for _, c := range []struct {
		name, action, method, path, upgrade string
		mayCreate                           bool
		code                                int
		text                                string
	}{
		{"spdy", "pods/exec", "POST", "p/exec?command=ls&command=-l&stdin=true&stdout=true&evil=1", "SPDY/3.1", true, 101, "command=ls&command=-l&input=1&output=1 |ping"},
		{"websocket", "pods/exec", "GET", "p/exec?command=ls&stdout=1&tty=0", "websocket", true, 101, "command=ls&output=1 |ping"},
		{"websocket without create", "pods/exec", "GET", "p/exec?command=ls", "websocket", false, 403, `cannot create resource \"pods/exec\"`},
		{"no upgrade", "pods/exec", "POST", "p/exec?command=ls", "", true, 400, "Upgrade request required"},
		{"no command", "pods/exec", "POST", "p/exec", "SPDY/3.1", true, 400, "at least one command"},
		{"refused", "pods/exec", "POST", "p/exec?command=refuse", "SPDY/3.1", true, 404, "container not found"},
		{"port-forward", "pods/portforward", "GET", "p/portforward?ports=80", "websocket", true, 101, "port=80 |ping"},
	} {
		mayCreate = c.mayCreate
		srv := front(t, s, c.action)
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s /api/v1/namespaces/y/pods/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n", c.method, c.path)
		if c.upgrade != "" {
			fmt.Fprintf(conn, "Connection: keep-alive, Upgrade\r\nUpgrade: %s\r\n", c.upgrade)
		}
		fmt.Fprintf(conn, "\r\n")
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var text []byte
		if answer.StatusCode == 101 {
			fmt.Fprint(conn, "ping")
			text = make([]byte, len(c.text))
			_, err = io.ReadFull(reader, text)
		} else {
			text, err = io.ReadAll(answer.Body)
		}
		if answer.StatusCode != c.code || !strings.Contains(string(text), c.text) {
			t.Errorf("%s: %d %s (%v), want %d %s", c.name, answer.StatusCode, text, err, c.code, c.text)
		}
		conn.Close()
		srv.Close()
	}
}

func TestProxy(t *testing.T) {
	f := &fake{objs: map[string]runtime.Object{}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<p><a href="/rewriteme">test</a> <a href="https://elsewhere/x">y</a></p>`)
		case "/go":
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"))
		}
	}))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	pod := newPod("p", "n", corev1.PodRunning)
	pod.Status.PodIP = u.Hostname()
	f.objs["pods/y/p:"+u.Port()] = pod
	f.objs["pods/y/p"] = pod
	s := f.server()
	srv := front(t, s, "pods/proxy")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	base := "/api/v1/namespaces/y/pods/p:" + u.Port() + "/proxy"
	for _, c := range []struct {
		path, location string
		code           int
		text           string
	}{
		{"/a%2Fb/c?x=1", "", 200, "GET /a%2Fb/c x=1 "},
		{"/", "", 200, "GET / "},
		{"", base + "/", 301, ""},
		{"/page", "", 200, `<p><a href="` + base + `/rewriteme">test</a> <a href="https://elsewhere/x">y</a></p>`},
		{"/go", base + "/there", 302, ""},
	} {
		req, _ := http.NewRequest("GET", srv.URL+base+c.path, nil)
		req.Header.Set("Authorization", "Bearer secret")
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.code || !strings.Contains(string(text), c.text) || answer.Header.Get("Location") != c.location || strings.Contains(string(text), "secret") {
			t.Errorf("%q: %d %q to %q, want %d %q to %q", c.path, answer.StatusCode, text, answer.Header.Get("Location"), c.code, c.text, c.location)
		}
	}
	// Name changes between check and dial: the very address that was checked is
	// dialled, and loopback is refused.
	s.Network.Check = nil
	answer, err := client.Get(srv.URL + base + "/")
	if err != nil || answer.StatusCode != 503 {
		t.Errorf("proxy to loopback: %v %v, want 503", answer, err)
	}
}

func TestNodeProxyNeverExecutesByGet(t *testing.T) {
	for _, c := range []struct {
		method, path string
		allowed      bool
	}{
		{"GET", "/metrics", true}, {"GET", "/exec/y/p/c", false}, {"POST", "/exec/y/p/c", true}, {"GET", "//exec/y/p/c", false},
		{"GET", "/%65xec/y/p/c", false}, {"GET", "/logs/../exec/y", false}, {"GET", "/run/y/p/c", false}, {"GET", "/containerLogs/y/p/exec", true},
	} {
		r := httptest.NewRequest(c.method, "/api/v1/nodes/n/proxy"+c.path, nil)
		if err := mayProxy(r, "n"); (err == nil) != c.allowed {
			t.Errorf("%s %s: %v, want allowed %v", c.method, c.path, err, c.allowed)
		}
	}
}

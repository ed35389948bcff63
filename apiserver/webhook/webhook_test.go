package webhook

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

// serve starts a webhook that speaks HTTP/2 and returns how to reach it.
func serve(t *testing.T, h http.HandlerFunc) (Endpoint, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return Endpoint{URL: server.URL + "/hook", CABundle: ca}, server
}

func TestPost(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		want    string // in the error; empty for none
		timeout time.Duration
	}{
		{name: "answers", answer: func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.ProtoMajor != 2 || r.URL.Query().Get("timeout") != "10s" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("asked with %s %s %s %v", r.Method, r.Proto, r.URL, r.Header)
			}
			_, _ = w.Write([]byte(`{"value":"yes"}`))
		}},
		{name: "redirects are not followed", want: "the server responded with the status code 307", answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook" {
				t.Error("followed a redirect")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		{name: "not found", want: "the server could not find the requested resource", answer: http.NotFound},
		{name: "refuses", want: `an error on the server ("no way") has prevented the request from succeeding`, answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no way", http.StatusInternalServerError)
		}},
		{name: "refuses with a Status", want: "sorry", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"sorry"}`))
		}},
		{name: "refuses with what is no text", want: `an error on the server ("unknown")`, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("oops"))
		}},
		{name: "nothing", want: "0-length response with status code: 200", answer: func(http.ResponseWriter, *http.Request) {}},
		{name: "no JSON", want: "decode answer", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }},
		{name: "oversize", want: "it is larger than 1024 bytes", answer: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"value":"` + strings.Repeat("x", 2048) + `"}`))
		}},
		{name: "never answers", want: "context deadline exceeded", timeout: 50 * time.Millisecond, answer: func(http.ResponseWriter, *http.Request) { <-hang }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at, _ := serve(t, test.answer)
			call := &Call{Endpoint: at, Timeout: 10 * time.Second, Limit: 1024, Body: []byte("{}")}
			if test.timeout != 0 {
				call.Timeout = test.timeout
			}
			var got struct{ Value string }
			err := new(Client).Post(t.Context(), call, &got)
			switch {
			case test.want == "" && (err != nil || got.Value != "yes"):
				t.Errorf("got %v, error %v", got, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestPathsAreCleaned(t *testing.T) {
	at, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"value":"` + r.URL.Path + `"}`)) })
	base := strings.TrimSuffix(at.URL, "/hook")
	for given, want := range map[string]string{"": "/", "/": "/", "//hook": "/hook", "/a//b/": "/a/b", "/a/../b": "/b", "/a%20b": "/a b"} {
		at.URL = base + given
		var got struct{ Value string }
		if err := new(Client).Post(t.Context(), &Call{Endpoint: at, Body: []byte("{}")}, &got); err != nil || got.Value != want {
			t.Errorf("%q: asked %q, want %q (%v)", given, got.Value, want, err)
		}
		service := Endpoint{Service: &Service{Namespace: "a", Name: "b", Path: strings.ReplaceAll(given, "%20", " ")}}
		if u, err := service.url(); err != nil || u.Path != want {
			t.Errorf("%q of a service: %v, want %q (%v)", given, u, want, err)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	at, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	opened := 0
	c := &Client{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		opened++
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	for range 3 {
		var got struct{}
		if err := c.Post(t.Context(), &Call{Endpoint: at, Body: []byte("{}")}, &got); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 1 {
		t.Errorf("%d connections for three calls", opened)
	}
	other := at
	other.CABundle = nil
	var got struct{}
	if err := c.Post(t.Context(), &Call{Endpoint: other, Body: []byte("{}")}, &got); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("without its authority: %v", err)
	}
}

func TestIdleTransportsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{}
		for i := range maxTransports + 10 {
			_, release, err := c.Transport(&Endpoint{Service: &Service{Namespace: "a", Name: "b", Port: int32(i + 1)}})
			if err != nil {
				t.Fatal(err)
			}
			if i != maxTransports+9 {
				release()
			}
		}
		c.mu.Lock()
		if len(c.byKey) != maxTransports {
			t.Errorf("%d transports are kept", len(c.byKey))
		}
		c.mu.Unlock()
		time.Sleep(2*idleTime + time.Second)
		synctest.Wait()
		c.mu.Lock()
		if len(c.byKey) != 1 {
			t.Errorf("%d transports are left, one is in use", len(c.byKey))
		}
		c.sweep.Stop()
		c.mu.Unlock()
	})
}

func TestServiceAddress(t *testing.T) {
	service := func(name string, spec corev1.ServiceSpec) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: spec}
	}
	ports := []corev1.ServicePort{{Port: 443}}
	from := Services{Reader: admissiontest.Of(
		service("plain", corev1.ServiceSpec{ClusterIP: "10.0.0.7", Ports: ports}),
		service("six", corev1.ServiceSpec{ClusterIP: "fd00::7", Ports: ports}),
		service("headless", corev1.ServiceSpec{ClusterIP: "None", Ports: ports}),
		service("external", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "hooks.example.com"}),
	)}
	for _, test := range []struct {
		name      string
		port      int32
		want, err string
	}{
		{"plain", 443, "10.0.0.7:443", ""},
		{"plain", 80, "", `no service port 80 found for service "plain"`},
		{"six", 443, "[fd00::7]:443", ""},
		{"headless", 443, "", `cannot route to service with ClusterIP "None"`},
		{"external", 8443, "hooks.example.com:8443", ""},
	} {
		got, err := from.Address(t.Context(), "ns", test.name, test.port)
		if got != test.want || admissiontest.Outcome(err) != test.err {
			t.Errorf("%s:%d is %q (%v), want %q (%s)", test.name, test.port, got, err, test.want, test.err)
		}
	}
	if _, err := from.Address(t.Context(), "ns", "none", 443); !apierrors.IsNotFound(err) {
		t.Errorf("a missing service: %v", err)
	}
}

func TestServiceIsCalledByItsName(t *testing.T) {
	at, server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("called under another name") })
	var dialled string
	c := &Client{
		Services: Services{Reader: admissiontest.Of(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "hook"},
			Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.7", Ports: []corev1.ServicePort{{Port: 443}}}})},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = address
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	var got struct{}
	err := c.Post(t.Context(), &Call{Endpoint: Endpoint{Service: &Service{Namespace: "ns", Name: "hook", Path: "a/b"}, CABundle: at.CABundle}, Body: []byte("{}")}, &got)
	// The test's certificate is for another name, which must not be accepted.
	if err == nil || !strings.Contains(err.Error(), "not hook.ns.svc") || dialled != "10.0.0.7:443" {
		t.Errorf("dialled %q: %v", dialled, err)
	}
}

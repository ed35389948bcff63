package aggregate

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/apiregistration"
	"minke/api/catalog"
	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/backend"
	"minke/apiserver/discovery"
	"minke/apiserver/openapi"
	"minke/store/local"
)

// world is an API server with another one, back, behind it.
type world struct {
	*testing.T
	*apiserver.Server
	back *httptest.Server
	// got is the last request that back saw.
	got chan *http.Request
}

func newWorld(t *testing.T, check func(netip.Addr) error) *world {
	t.Helper()
	w := &world{T: t, got: make(chan *http.Request, 100)}
	w.back = httptest.NewUnstartedServer(http.HandlerFunc(w.behind))
	w.back.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.back.StartTLS()
	t.Cleanup(w.back.Close)
	st := local.OpenMemory()
	t.Cleanup(func() { _ = st.Close() })
	builtIn := catalog.Resources()
	documents := discovery.New("127.0.0.1:6443", builtIn, nil)
	schemas := openapi.New("v1.37.0", openapi.Set{Resources: builtIn})
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var m *Manager
	s, err := apiserver.New(apiserver.Config{Store: st, Resources: builtIn, Log: quiet, Discovery: documents, OpenAPI: schemas,
		Authenticate: func(*http.Request) (*inprocess.User, error) {
			return &inprocess.User{Name: "tester", UID: "7", Groups: []string{"a", "b"}, Extra: map[string][]string{"example.com/Key": {"v"}}}, nil
		},
		Elsewhere: func(ctx context.Context, gv schema.GroupVersion) http.Handler { return m.Route(ctx, gv) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = s
	m = New(Config{Server: s, Local: api.GroupVersions(builtIn), Publish: documents.SetRemote, Log: quiet,
		Identity: func() (*tls.Certificate, error) { return &tls.Certificate{}, nil },
		Network: backend.Network{Check: check, Dial: func(ctx context.Context, address string) (net.Conn, error) {
			if address != "10.0.0.9:443" {
				return nil, fmt.Errorf("dialled %s", address)
			}
			return new(net.Dialer).DialContext(ctx, "tcp", w.back.Listener.Addr().String())
		}},
	})
	schemas.SetOthers(m)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx, func() {}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; s.Close() })
	return w
}

// behind is the other API server.
func (w *world) behind(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Remote-User") != prober.Name {
		w.got <- r
	}
	switch r.URL.Path {
	case "/apis/back.example.com/v1":
		_, _ = rw.Write([]byte(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"back.example.com/v1","resources":[
			{"name":"flunders","singularName":"flunder","namespaced":true,"kind":"Flunder","verbs":["get","list"]},
			{"name":"flunders/status","namespaced":true,"kind":"Flunder","verbs":["get"]}]}`))
	case "/apis/back.example.com/v1/echo":
		_, _ = io.Copy(rw, r.Body)
	case "/apis/back.example.com/v1/silence":
		<-r.Context().Done()
	case "/openapi/v3":
		_, _ = rw.Write([]byte(`{"paths":{"apis/back.example.com/v1":{"serverRelativeURL":"/openapi/v3/apis/back.example.com/v1?hash=AB"},"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?hash=CD"}}}`))
	case "/openapi/v3/apis/back.example.com/v1":
		_, _ = rw.Write([]byte(`{"openapi":"3.0.0","info":{"title":"back"}}`))
	case "/openapi/v2":
		_, _ = rw.Write([]byte(`{"paths":{"/apis/back.example.com/v1/flunders":{"get":{}},"/apis/apps/v1/nonsense":{"get":{}}},"definitions":{"com.example.Flunder":{"type":"object"},"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta":{"type":"string"}}}`))
	case "/apis/back.example.com/v1/away":
		http.Redirect(rw, r, "https://elsewhere.example.com/", http.StatusFound)
	case "/apis/back.example.com/v1/flunders/f/switch":
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			w.Error(err)
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"))
		line, _ := buffered.ReadString('\n')
		_, _ = conn.Write([]byte(line))
	default:
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(`{"kind":"FlunderList"}`))
	}
}

func (w *world) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

const apiServices = "/apis/apiregistration.k8s.io/v1/apiservices"

// register puts back behind the server, and waits until its condition has the
// reason.
func (w *world) register(reason string) {
	w.Helper()
	for path, body := range map[string]string{
		"/api/v1/namespaces":                                     `{"metadata":{"name":"ns"}}`,
		"/api/v1/namespaces/ns/services":                         `{"metadata":{"name":"api"},"spec":{"type":"ClusterIP","clusterIP":"10.0.0.9","clusterIPs":["10.0.0.9"],"ports":[{"port":443}]}}`,
		"/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices": `{"metadata":{"name":"api","labels":{"kubernetes.io/service-name":"api"}},"addressType":"IPv4","endpoints":[{"addresses":["10.1.0.1"]}],"ports":[{"name":"","port":8443}]}`,
		apiServices: `{"metadata":{"name":"v1.back.example.com"},"spec":{"group":"back.example.com","version":"v1","groupPriorityMinimum":2000,"versionPriority":10,"insecureSkipTLSVerify":true,"service":{"namespace":"ns","name":"api"}}}`,
	} {
		if rec := w.do("POST", path, body, "Content-Type", "application/json"); rec.Code != 201 {
			w.Fatalf("POST %s: %d %s", path, rec.Code, rec.Body)
		}
	}
	w.await(reason)
	if reason == "Passed" {
		// The route follows the condition.
		until(w.T, func() bool { return w.do("GET", "/apis/back.example.com/v1", "").Code == 200 })
	}
	for len(w.got) > 0 {
		<-w.got
	}
}

// await waits until the condition of back's APIService has the reason.
func (w *world) await(reason string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	reasonOf := func(obj any) string {
		if s, ok := obj.(*service); ok && s.Name == "v1.back.example.com" {
			return apiregistration.Available(s).Reason
		}
		return ""
	}
	all, revision, err := w.Snapshot(APIServices, "")
	if err != nil {
		w.Fatal(err)
	}
	for obj := range all {
		if reasonOf(obj) == reason {
			return
		}
	}
	watch, err := w.WatchShared(ctx, APIServices, "", revision)
	if err != nil {
		w.Fatal(err)
	}
	defer watch.Stop()
	for e := range watch.ResultChan() {
		if reasonOf(e.Object) == reason {
			return
		}
	}
	w.Fatalf("the condition did not become %s", reason)
}

func anywhere(netip.Addr) error { return nil }

func TestRequestsAreHandedOn(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	rec := w.do("GET", "/apis/back.example.com/v1/namespaces/x/flunders?limit=5", "",
		"Authorization", "Bearer secret", "X-Remote-User", "root", "X-Remote-Group", "system:masters",
		"X-Remote-Extra-Scopes", "all", "Impersonate-User", "root", "Connection", "X-Remote-User", "Accept", "application/json")
	if rec.Code != 200 || rec.Body.String() != `{"kind":"FlunderList"}` {
		t.Fatalf("answer %d %s", rec.Code, rec.Body)
	}
	r := <-w.got
	if r.URL.RequestURI() != "/apis/back.example.com/v1/namespaces/x/flunders?limit=5" || r.Host != "api.ns.svc:443" {
		t.Errorf("asked %s at %s", r.URL.RequestURI(), r.Host)
	}
	for name, want := range map[string]string{
		"Authorization": "[]", "X-Remote-User": "[tester]", "X-Remote-Uid": "[7]", "X-Remote-Group": "[a b]",
		"X-Remote-Extra-Scopes": "[]", "X-Remote-Extra-Example.com%2fkey": "[v]", "Impersonate-User": "[]", "Accept": "[application/json]",
	} {
		if got := fmt.Sprint(r.Header.Values(name)); got != want {
			t.Errorf("%s is %s, want %s; all: %v", name, got, want, r.Header)
		}
	}
	if rec := w.do("GET", "/apis/back.example.com/v1/away", ""); rec.Code != 502 {
		t.Errorf("a redirect: %d %s", rec.Code, rec.Body)
	}
}

func TestDiscoveryIsMerged(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	find := func() string {
		var list struct {
			Items []struct {
				Metadata struct{ Name string }
				Versions []struct {
					Freshness string
					Resources []struct {
						Resource, Scope string
						Subresources    []struct{ Subresource string }
					}
				}
			}
		}
		if err := json.Unmarshal(w.do("GET", "/apis", "", "Accept", accept).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, g := range list.Items {
			if g.Metadata.Name == "back.example.com" {
				return fmt.Sprint(g.Versions)
			}
		}
		return ""
	}
	until(t, func() bool { return find() == "[{Current [{flunders Namespaced [{status}]}]}]" })
	if rec := w.do("GET", "/apis/back.example.com", ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"back.example.com/v1"`) {
		t.Errorf("the group: %d %s", rec.Code, rec.Body)
	}
	if rec := w.do("DELETE", "/api/v1/namespaces/ns/services/api", ""); rec.Code != 200 {
		t.Fatalf("delete the service: %d %s", rec.Code, rec.Body)
	}
	w.await("ServiceNotFound")
	// What is known of it stays, marked as old.
	until(t, func() bool { return find() == "[{Stale [{flunders Namespaced [{status}]}]}]" })
	if rec := w.do("GET", "/apis/back.example.com/v1/flunders", ""); rec.Code != 503 {
		t.Errorf("without its service: %d %s", rec.Code, rec.Body)
	}
	if rec := w.do("DELETE", apiServices+"/v1.back.example.com", ""); rec.Code != 200 {
		t.Fatalf("delete the API service: %d %s", rec.Code, rec.Body)
	}
	until(t, func() bool { return find() == "" })
}

// An aggregated server that never answers costs its callers their time, and
// nobody else.
func TestAServerThatNeverAnswers(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	answered := make(chan *httptest.ResponseRecorder)
	go func() { answered <- w.do("GET", "/apis/back.example.com/v1/silence?timeout=100ms", "") }()
	<-w.got
	if rec := w.do("GET", "/api/v1/namespaces", ""); rec.Code != 200 {
		t.Errorf("meanwhile: %d %s", rec.Code, rec.Body)
	}
	if rec := <-answered; rec.Code != 504 {
		t.Errorf("the caller got %d %s", rec.Code, rec.Body)
	}
}

func TestOpenAPIIsMerged(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	var index struct {
		Paths map[string]struct {
			URL string `json:"serverRelativeURL"`
		}
	}
	if err := json.Unmarshal(w.do("GET", "/openapi/v3", "").Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	at := index.Paths["apis/back.example.com/v1"].URL
	if at != "/openapi/v3/apis/back.example.com/v1?hash=AB" {
		t.Errorf("the index leads to %q", at)
	}
	if own := index.Paths["apis/apps/v1"].URL; own == "" || strings.HasSuffix(own, "CD") {
		t.Errorf("the document of a local group version is at %q", own)
	}
	if rec := w.do("GET", at, ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), "back") {
		t.Errorf("its document: %d %s", rec.Code, rec.Body)
	}
	var v2 struct {
		Paths       map[string]map[string]any
		Definitions map[string]struct{ Type string }
	}
	if err := json.Unmarshal(w.do("GET", "/openapi/v2", "").Body.Bytes(), &v2); err != nil {
		t.Fatal(err)
	}
	if v2.Paths["/apis/back.example.com/v1/flunders"] == nil || v2.Definitions["com.example.Flunder"].Type != "object" {
		t.Error("OpenAPI v2 lacks what is served behind")
	}
	if v2.Definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"].Type != "object" {
		t.Error("another server changed what metadata is")
	}
	if len(v2.Paths["/apis/apps/v1/nonsense"]) > 0 {
		t.Error("another server added a path that is none of its own")
	}
}

// until waits for what follows an event.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatal("it did not come")
		}
	}
}

// CVE-2020-8562: an address that leads to the server's own machine is refused
// however the Service came by it.
func TestCVE20208562(t *testing.T) {
	w := newWorld(t, func(ip netip.Addr) error { return fmt.Errorf("address %s not allowed", ip) })
	w.register("FailedDiscoveryCheck")
	select {
	case r := <-w.got:
		t.Errorf("it was asked %s", r.URL)
	default:
	}
}

// CVE-2018-1002105: what is not answered by 101 stays a plain answer, and the
// connection to the back end, which has the server's identity, is not the
// client's to use.
func TestCVE20181002105(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	front := httptest.NewServer(w)
	defer front.Close()
	open := func(path string) (*bufio.Reader, net.Conn) {
		conn, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Remote-User: root\r\n\r\n", path)
		return bufio.NewReader(conn), conn
	}
	reader, conn := open("/apis/back.example.com/v1/flunders/f/refused")
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	if r := <-w.got; r.Header.Get("X-Remote-User") != "tester" {
		t.Errorf("asked as %v", r.Header)
	}
	// What comes next on the client's connection is a request to this server.
	fmt.Fprintf(conn, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, err = http.ReadResponse(reader, nil); err != nil || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	if body, _ := io.ReadAll(answer.Body); !strings.Contains(string(body), "gitVersion") {
		t.Errorf("who answered %s?", body)
	}
	reader, conn = open("/apis/back.example.com/v1/flunders/f/switch")
	if answer, err = http.ReadResponse(reader, nil); err != nil || answer.StatusCode != 101 {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	fmt.Fprintf(conn, "hello\n")
	if line, err := reader.ReadString('\n'); line != "hello\n" {
		t.Errorf("echo %q, error %v", line, err)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.back.Certificate().Raw})
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"insecureSkipTLSVerify": false, "caBundle": bundle}})
	if err != nil {
		t.Fatal(err)
	}
	// The test server's certificate is for example.com, not for api.ns.svc.
	if rec := w.do("PATCH", apiServices+"/v1.back.example.com", string(data), "Content-Type", "application/merge-patch+json"); rec.Code != 200 {
		t.Fatalf("patch: %d %s", rec.Code, rec.Body)
	}
	w.await("FailedDiscoveryCheck")
}

package cluster

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minke/apiserver/egress/egresstest"
	"minke/cluster/options"
	"minke/cluster/pki"
	"minke/store/local"
)

// beyond is all that the server connects to: a webhook, a kubelet, an API server
// and a pod, none of which has an address that is reached without a proxy.
type beyond struct {
	*httptest.Server
	probed chan struct{} // the API server was asked
}

func (b *beyond) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/review":
		var review map[string]any
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		uid := review["request"].(map[string]any)["uid"]
		fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":true}}`, uid)
	case strings.HasPrefix(r.URL.Path, "/apis/"):
		select {
		case b.probed <- struct{}{}:
		default:
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"behind.example/v1","resources":[]}`)
	default:
		_, _ = io.WriteString(w, "from beyond")
	}
}

func socketProxy(t *testing.T, name string, to map[string]string) (*egresstest.Proxy, string) {
	socket := filepath.Join(t.TempDir(), name)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &egresstest.Proxy{To: to}
	if name == "grpc" {
		p.Konnectivity(t, l)
	} else {
		p.Connect(t, l)
	}
	return p, socket
}

// TestEgress: each of the server's connections goes by way of its network's proxy,
// and by no other.
func TestEgress(t *testing.T) {
	for _, protocol := range []string{"HTTPConnect", "GRPC"} {
		t.Run(protocol, func(t *testing.T) { testEgress(t, protocol) })
	}
}

func testEgress(t *testing.T, protocol string) {
	b := &beyond{probed: make(chan struct{}, 1)}
	b.Server = httptest.NewUnstartedServer(b)
	secured, plain := b.Listener.Addr().String(), httptest.NewServer(b)
	t.Cleanup(plain.Close)
	kind := strings.ToLower(strings.TrimPrefix(protocol, "HTTP"))
	// All are at one place: certificates tell them apart.
	cluster, clusterSocket := socketProxy(t, kind, map[string]string{
		"192.0.2.1:10250": secured, "10.96.0.20:443": secured, "192.0.2.7:8080": plain.Listener.Addr().String()})
	beside, besideSocket := socketProxy(t, kind, map[string]string{"hook.example:8443": secured})
	config := write(t, "egress", fmt.Sprintf(`
apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- {name: cluster, connection: {proxyProtocol: %[1]s, transport: {uds: {udsName: %[2]q}}}}
- {name: controlplane, connection: {proxyProtocol: %[1]s, transport: {uds: {udsName: %[3]q}}}}
- {name: etcd, connection: {proxyProtocol: Direct}}
`, protocol, clusterSocket, besideSocket))
	w := openTestServer(t, local.OpenMemory(), options.API{Egress: options.Egress{ConfigFile: options.File(config)}})
	pair, err := w.cfg.PKI.ServingCert("beyond", pki.Serving{CommonName: "beyond", Names: []string{"hook.example", "hook.shop.svc"}, IPs: []net.IP{net.IPv4(192, 0, 2, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	b.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS}}
	b.StartTLS()
	t.Cleanup(b.Close)
	ca, _ := json.Marshal(w.cfg.PKI.CertPEM) // as Go writes bytes: base64

	w.must(201, "POST", "/api/v1/namespaces", `{"metadata":{"name":"shop"}}`)
	w.must(201, "POST", "/api/v1/namespaces/shop/serviceaccounts", `{"metadata":{"name":"default"}}`)
	w.must(201, "POST", "/api/v1/namespaces/shop/services", `{"metadata":{"name":"hook"},"spec":{"clusterIP":"10.96.0.20","ports":[{"port":443}]}}`)
	w.must(201, "POST", "/api/v1/nodes", `{"metadata":{"name":"n1"}}`)
	w.must(200, "PATCH", "/api/v1/nodes/n1/status", `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.1"}]}}`)
	w.must(201, "POST", "/api/v1/namespaces/shop/pods", `{"metadata":{"name":"p"},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","ports":[{"containerPort":8080}]}]}}`)
	w.must(200, "PATCH", "/api/v1/namespaces/shop/pods/p/status", `{"status":{"phase":"Running","podIP":"192.0.2.7","podIPs":[{"ip":"192.0.2.7"}]}}`)

	for _, c := range []struct {
		name, path string
		by         *egresstest.Proxy
		address    string
	}{
		{"logs", "/api/v1/namespaces/shop/pods/p/log", cluster, "192.0.2.1:10250"},
		{"a node's own", "/api/v1/nodes/n1/proxy/configz", cluster, "192.0.2.1:10250"},
		{"a pod's own", "/api/v1/namespaces/shop/pods/p:8080/proxy/x", cluster, "192.0.2.7:8080"},
	} {
		before := len(c.by.Asked())
		if rec := w.do("GET", c.path, ""); rec.Code != 200 || rec.Body.String() != "from beyond" {
			t.Errorf("%s: %d %s", c.name, rec.Code, rec.Body)
		}
		if got := c.by.Asked()[before:]; !slices.Equal(got, []string{c.address}) {
			t.Errorf("%s: the proxy was asked for %v, want %s", c.name, got, c.address)
		}
	}
	for name, client := range map[string]string{"service": `"service":{"namespace":"shop","name":"hook","path":"/review"}`, "url": `"url":"https://hook.example:8443/review"`} {
		w.must(201, "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `{"metadata":{"name":"`+name+`"},"webhooks":[{"name":"`+name+`.example.com","sideEffects":"None","admissionReviewVersions":["v1"],
			"clientConfig":{"caBundle":`+string(ca)+`,`+client+`},"rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"]}]}]}`)
	}
	at, before := len(cluster.Asked()), len(beside.Asked())
	// A configuration holds a moment after it was written.
	for n := 0; len(cluster.Asked()) == at || len(beside.Asked()) == before; n++ {
		w.must(201, "POST", "/api/v1/namespaces/shop/configmaps", fmt.Sprintf(`{"metadata":{"name":"c%d"}}`, n))
	}
	if got, other := cluster.Asked()[at:], beside.Asked()[before:]; !slices.Equal(got, []string{"10.96.0.20:443"}) || !slices.Equal(other, []string{"hook.example:8443"}) {
		t.Errorf("the webhooks were reached by %v in the cluster and %v beside it", got, other)
	}

	w.must(201, "POST", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", `{"metadata":{"name":"hook","labels":{"kubernetes.io/service-name":"hook"}},
		"addressType":"IPv4","ports":[{"port":8443}],"endpoints":[{"addresses":["192.0.2.9"]}]}`)
	w.must(201, "POST", "/apis/apiregistration.k8s.io/v1/apiservices", `{"metadata":{"name":"v1.behind.example"},"spec":{"group":"behind.example","version":"v1",
		"groupPriorityMinimum":1,"versionPriority":1,"caBundle":`+string(ca)+`,"service":{"namespace":"shop","name":"hook"}}}`)
	<-b.probed
	if got := cluster.Asked(); got[len(got)-1] != "10.96.0.20:443" {
		t.Errorf("the API server was reached by %v", got)
	}
}

func TestRefusedEgress(t *testing.T) {
	for cause, file := range map[string]string{
		"no such file":      "/nowhere/at/all",
		"unknown field":     write(t, "egress", "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\nselections: []\n"),
		"Unsupported value": write(t, "egress", "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections: [{name: mars, connection: {proxyProtocol: Direct}}]\n"),
	} {
		if _, err := (&options.Egress{ConfigFile: options.File(file)}).Selector(); err == nil || !strings.Contains(err.Error(), cause) || !strings.Contains(err.Error(), "--egress-selector-config-file") {
			t.Errorf("%v, want %q", err, cause)
		}
	}
}

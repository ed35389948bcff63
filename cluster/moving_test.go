package cluster

import (
	"crypto/aes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apiserver/pkg/storage/value"
	upstreamaes "k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/store"
	"minke/store/etcd"
	"minke/test/peers"
)

// upstream encodes and decodes as kube-apiserver does what it stores.
type upstream struct {
	scheme *runtime.Scheme
	codecs serializer.CodecFactory
	gcm    value.Transformer
}

func newUpstream(t *testing.T, key []byte) *upstream {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensionsv1.AddToScheme, apiextensionsv1beta1.AddToScheme, apiregistrationv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := upstreamaes.NewGCMTransformer(block)
	if err != nil {
		t.Fatal(err)
	}
	prefixed := value.NewPrefixTransformers(nil, value.PrefixTransformer{Prefix: []byte("k8s:enc:aesgcm:v1:key1:"), Transformer: gcm})
	return &upstream{scheme: s, codecs: serializer.NewCodecFactory(s), gcm: prefixed}
}

// stored returns obj as it is stored at key.
func (u *upstream) stored(t *testing.T, key string, kind schema.GroupVersionKind, obj runtime.Object) []byte {
	t.Helper()
	obj.GetObjectKind().SetGroupVersionKind(kind)
	var text strings.Builder
	if err := protobuf.NewSerializer(u.scheme, u.scheme).Encode(obj, &text); err != nil {
		t.Fatal(err)
	}
	data := []byte(text.String())
	if strings.HasPrefix(key, "/registry/secrets/") {
		var err error
		if data, err = u.gcm.TransformToStorage(t.Context(), data, value.DefaultContext(key)); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// read decodes what is stored at key.
func (u *upstream) read(t *testing.T, key string, data []byte) (runtime.Object, *schema.GroupVersionKind, error) {
	t.Helper()
	if strings.HasPrefix(key, "/registry/secrets/") {
		var err error
		if data, _, err = u.gcm.TransformFromStorage(t.Context(), data, value.DefaultContext(key)); err != nil {
			return nil, nil, err
		}
	}
	return u.codecs.UniversalDeserializer().Decode(data, nil, nil)
}

// definition is a CustomResourceDefinition of two versions, the names of which
// are all that differs.
func definition(plural, kind, storage string) string {
	var versions []string
	for _, v := range []string{"v1alpha1", "v1"} {
		versions = append(versions, fmt.Sprintf(`{"name":%q,"served":true,"storage":%t,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}}}`, v, v == storage))
	}
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%s.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":%[1]q,"kind":%q},"versions":[%s]}}`,
		plural, kind, strings.Join(versions, ","))
}

func custom(kind, version, name string, size int) string {
	return fmt.Sprintf(`{"apiVersion":"example.com/%s","kind":%q,"metadata":{"name":%q},"spec":{"size":%d}}`, version, kind, name, size)
}

const (
	definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	widgets     = "/apis/example.com/%s/namespaces/shop/widgets"
	gadgets     = "/apis/example.com/v1/namespaces/shop/gadgets"
)

// existing are objects as kube-apiserver has them in its etcd, by their keys.
func existing() map[string]runtime.Object {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "shop", UID: "11111111-2222-3333-4444-555555555555", CreationTimestamp: metav1.NewTime(time.Unix(1700000000, 0))}
	}
	clusterMeta := func(name string) metav1.ObjectMeta {
		m := meta(name)
		m.Namespace = ""
		return m
	}
	port := networkingv1.ServiceBackendPort{Number: 80}
	holder, one := "somebody", int32(1)
	return map[string]runtime.Object{
		"/registry/namespaces/shop": &corev1.Namespace{ObjectMeta: clusterMeta("shop"), Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes"}}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive}},
		"/registry/minions/n9":      &corev1.Node{ObjectMeta: clusterMeta("n9")},
		"/registry/pods/shop/p": &corev1.Pod{ObjectMeta: meta("p"), Spec: corev1.PodSpec{NodeName: "n9", Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "c", Image: "web"}}}},
		"/registry/services/specs/shop/s": &corev1.Service{ObjectMeta: meta("s"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ClusterIP: "10.96.7.7", ClusterIPs: []string{"10.96.7.7"},
			Ports: []corev1.ServicePort{{Port: 80, NodePort: 30777, Protocol: corev1.ProtocolTCP}}}},
		"/registry/services/endpoints/shop/e": &corev1.Endpoints{ObjectMeta: meta("e")},
		"/registry/configmaps/shop/c":         &corev1.ConfigMap{ObjectMeta: meta("c"), Data: map[string]string{"a": "b"}},
		"/registry/secrets/shop/x":            &corev1.Secret{ObjectMeta: meta("x"), Data: map[string][]byte{"a": []byte("hush")}},
		"/registry/events/shop/v":             &corev1.Event{ObjectMeta: meta("v"), InvolvedObject: corev1.ObjectReference{Namespace: "shop"}},
		"/registry/controllers/shop/r":        &corev1.ReplicationController{ObjectMeta: meta("r"), Spec: corev1.ReplicationControllerSpec{Replicas: new(int32)}},
		"/registry/daemonsets/shop/d": &appsv1.DaemonSet{ObjectMeta: meta("d"), Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{NodeSelector: map[string]string{"no": "where"}}}}},
		"/registry/leases/shop/l": &coordinationv1.Lease{ObjectMeta: meta("l"), Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &one}},
		"/registry/ingress/shop/i": &networkingv1.Ingress{ObjectMeta: meta("i"), Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: port}}}},
		"/registry/apiregistration.k8s.io/apiservices/v1.far.example.com": &apiregistrationv1.APIService{ObjectMeta: clusterMeta("v1.far.example.com"), Spec: apiregistrationv1.APIServiceSpec{
			Group: "far.example.com", Version: "v1", GroupPriorityMinimum: 100, VersionPriority: 10, InsecureSkipTLSVerify: true, Service: &apiregistrationv1.ServiceReference{Namespace: "shop", Name: "s"}}},
	}
}

// paths are where those objects are served, with what they contain.
var paths = map[string]string{
	"/api/v1/namespaces/shop": `"phase":"Active"`, "/api/v1/nodes/n9": `"name":"n9"`, "/api/v1/namespaces/shop/pods/p": `"nodeName":"n9"`,
	"/api/v1/namespaces/shop/services/s": `"clusterIP":"10.96.7.7"`, "/api/v1/namespaces/shop/endpoints/e": `"name":"e"`,
	"/api/v1/namespaces/shop/configmaps/c": `"a":"b"`, "/api/v1/namespaces/shop/secrets/x": `"a":"aHVzaA=="`,
	"/apis/events.k8s.io/v1/namespaces/shop/events/v": `"name":"v"`, "/api/v1/namespaces/shop/replicationcontrollers/r": `"name":"r"`,
	"/apis/apps/v1/namespaces/shop/daemonsets/d": `"no":"where"`, "/apis/coordination.k8s.io/v1/namespaces/shop/leases/l": `"holderIdentity":"somebody"`,
	"/apis/networking.k8s.io/v1/namespaces/shop/ingresses/i":         `"number":80`,
	"/apis/apiregistration.k8s.io/v1/apiservices/v1.far.example.com": `"groupPriorityMinimum":100`,
}

// TestMoving starts Minke on the etcd of an existing cluster, and goes back:
// custom resources are written by upstream's own server, built-in ones as
// kube-apiserver stores them. All are there, and what Minke has stored is read
// by upstream.
func TestMoving(t *testing.T) {
	if testing.Short() {
		t.Skip("programs of others are started")
	}
	peers.Binary(t, "apiextensions-apiserver")
	member := peers.StartEtcd(t)
	raw, err := etcd.Open(etcd.Options{Endpoints: []string{member.URL}, Root: "/registry", Prefix: "/registry"})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	key := []byte("0123456789abcdef0123456789abcdef")
	up := newUpstream(t, key)

	their := peers.NewAPIExtensions(t, member.URL)
	their.Start(t)
	their.Until(t, "POST", definitions, definition("widgets", "Widget", "v1alpha1"), 201, "")
	their.Until(t, "POST", fmt.Sprintf(widgets, "v1alpha1"), custom("Widget", "v1alpha1", "old", 1), 201, "")
	their.Until(t, "PATCH", definitions+"/widgets.example.com", `{"spec":`+specOf(t, definition("widgets", "Widget", "v1"))+`}`, 200, "")
	their.Until(t, "POST", fmt.Sprintf(widgets, "v1"), custom("Widget", "v1", "new", 2), 201, "")
	their.Stop(t)
	for at, obj := range existing() {
		kinds, _, err := up.scheme.ObjectKinds(obj)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: at, Value: up.stored(t, at, kinds[0], obj)}}}); err != nil {
			t.Fatal(err)
		}
	}

	w := &several{T: t, etcd: member.URL, port: freePort(t), all: map[string]*oneOf{}}
	our := w.add("a", nil)
	config := fmt.Sprintf(`{"apiVersion":"apiserver.config.k8s.io/v1","kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[{"aesgcm":{"keys":[{"name":"key1","secret":%q}]}}]}]}`,
		base64.StdEncoding.EncodeToString(key))
	our.encryption = filepath.Join(our.dir, "encryption")
	if err := os.WriteFile(our.encryption, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start(our)
	ask := func(method, path, body string, code int, text string) string {
		t.Helper()
		return peers.Until(t, our.http, method, "https://"+our.listen+path, body, code, text)
	}
	for path, text := range paths {
		ask("GET", path, "", 200, text)
	}
	for name, size := range map[string]int{"old": 1, "new": 2} {
		for _, version := range []string{"v1", "v1alpha1"} {
			got := ask("GET", fmt.Sprintf(widgets, version)+"/"+name, "", 200, fmt.Sprintf(`"size":%d`, size))
			if !strings.Contains(got, `"apiVersion":"example.com/`+version+`"`) {
				t.Errorf("widget %s in %s: %s", name, version, got)
			}
		}
	}
	var list struct {
		Items []struct{ APIVersion, Kind string }
	}
	if err := json.Unmarshal([]byte(ask("GET", fmt.Sprintf(widgets, "v1"), "", 200, "")), &list); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list.Items); got != "[{example.com/v1 Widget} {example.com/v1 Widget}]" {
		t.Errorf("the list in v1 has %s", got)
	}
	// Nobody gives the Service's port away again.
	const portOf = `{"metadata":{"name":"other"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30777}]}}`
	ask("POST", "/api/v1/namespaces/shop/services", portOf, 422, "provided port is already allocated")

	ask("PATCH", fmt.Sprintf(widgets, "v1")+"/old", `{"spec":{"size":11}}`, 200, "")
	ask("POST", fmt.Sprintf(widgets, "v1"), custom("Widget", "v1", "ours", 3), 201, "")
	ask("POST", definitions, definition("gadgets", "Gadget", "v1"), 201, "")
	ask("POST", gadgets, custom("Gadget", "v1", "g", 4), 201, "")
	ask("POST", "/api/v1/namespaces/shop/secrets", `{"metadata":{"name":"ours"},"stringData":{"a":"hush"}}`, 201, "")
	ask("PATCH", "/api/v1/namespaces/shop/pods/p", `{"metadata":{"labels":{"seen":"by-minke"}}}`, 200, "")
	if err := w.end(our, syscall.SIGTERM); err != nil {
		t.Errorf("a graceful end: %v", err)
	}

	their.Start(t)
	for path, text := range map[string]string{
		fmt.Sprintf(widgets, "v1") + "/old": `"size":11`, fmt.Sprintf(widgets, "v1") + "/new": `"size":2`,
		fmt.Sprintf(widgets, "v1alpha1") + "/ours": `"size":3`, gadgets + "/g": `"size":4`,
		definitions + "/gadgets.example.com": `"type":"Established"`,
	} {
		their.Until(t, "GET", path, "", http.StatusOK, text)
	}
	their.Until(t, "PATCH", gadgets+"/g", `{"spec":{"size":44}}`, 200, `"size":44`)
	readAll(t, up, raw)
}

// readAll holds that upstream reads all that is in etcd.
func readAll(t *testing.T, up *upstream, raw store.Store) {
	t.Helper()
	all, err := raw.Range(t.Context(), store.Range{Prefix: "/registry/"})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range all.Entries {
		if strings.HasPrefix(e.Key, "/registry/example.com/") {
			continue // upstream's server has read those
		}
		obj, kind, err := up.read(t, e.Key, e.Value)
		if err != nil {
			t.Errorf("upstream cannot read %s: %v: %.60q", e.Key, err, e.Value)
			continue
		}
		kinds[kind.GroupVersion().String()+" "+kind.Kind]++
		if pod, ok := obj.(*corev1.Pod); ok && pod.Labels["seen"] != "by-minke" {
			t.Errorf("the pod is as it was before: %v", pod.Labels)
		}
	}
	t.Logf("upstream reads %d entries: %v", len(all.Entries), slices.Sorted(maps.Keys(kinds)))
	for _, want := range []string{"v1 Pod", "v1 Secret", "apps/v1 DaemonSet", "apiextensions.k8s.io/v1 CustomResourceDefinition", "apiregistration.k8s.io/v1 APIService",
		"rbac.authorization.k8s.io/v1 ClusterRole", "coordination.k8s.io/v1 Lease", "v1 RangeAllocation", "networking.k8s.io/v1 IPAddress"} {
		if kinds[want] == 0 {
			t.Errorf("no %s is stored", want)
		}
	}
}

func specOf(t *testing.T, definition string) string {
	t.Helper()
	var d struct{ Spec json.RawMessage }
	if err := json.Unmarshal([]byte(definition), &d); err != nil {
		t.Fatal(err)
	}
	return string(d.Spec)
}

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	discoveryv1beta1 "k8s.io/api/discovery/v1beta1"
	flowcontrolv1beta2 "k8s.io/api/flowcontrol/v1beta2"
	flowcontrolv1beta3 "k8s.io/api/flowcontrol/v1beta3"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	resourcev1beta1 "k8s.io/api/resource/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"minke/api"
	"minke/apiserver/codec"
	"minke/cluster/options"
	"minke/store"
	"minke/store/cache"
	"minke/store/local"
)

// TestStoredInOtherVersions holds that what an older kube-apiserver has stored is
// read: in protobuf and in JSON, also in versions that are not served.
func TestStoredInOtherVersions(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "a", Namespace: "shop"}
	replicas, cpu := int32(2), int32(70)
	var o options.API
	err := o.RuntimeConfig.Set("policy/v1beta1=false")
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := o.Resources()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		resource string
		kind     schema.GroupVersionKind
		stored   runtime.Object
		// want are fields of what it is read as.
		want string
	}{
		{"horizontalpodautoscalers.autoscaling", autoscalingv1.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
			&autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: meta, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{MinReplicas: &replicas, MaxReplicas: 5, TargetCPUUtilizationPercentage: &cpu}},
			`"averageUtilization":70`},
		{"ingresses.networking.k8s.io", networkingv1beta1.SchemeGroupVersion.WithKind("Ingress"),
			&networkingv1beta1.Ingress{ObjectMeta: meta, Spec: networkingv1beta1.IngressSpec{Backend: &networkingv1beta1.IngressBackend{ServiceName: "web"}}},
			`"defaultBackend":{"service":{"name":"web"`},
		{"ingresses.networking.k8s.io", schema.GroupVersionKind{Group: "extensions", Version: "v1beta1", Kind: "Ingress"},
			&networkingv1beta1.Ingress{ObjectMeta: meta, Spec: networkingv1beta1.IngressSpec{Backend: &networkingv1beta1.IngressBackend{ServiceName: "old"}}},
			`"defaultBackend":{"service":{"name":"old"`},
		{"poddisruptionbudgets.policy", policyv1beta1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
			&policyv1beta1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1beta1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}},
			`"matchLabels":{"a":"b"}`},
		{"endpointslices.discovery.k8s.io", discoveryv1beta1.SchemeGroupVersion.WithKind("EndpointSlice"),
			&discoveryv1beta1.EndpointSlice{ObjectMeta: meta, AddressType: "IPv4", Endpoints: []discoveryv1beta1.Endpoint{{Addresses: []string{"10.0.0.1"}, Topology: map[string]string{"topology.kubernetes.io/zone": "z"}}}},
			`"zone":"z"`},
		{"deviceclasses.resource.k8s.io", resourcev1beta1.SchemeGroupVersion.WithKind("DeviceClass"),
			&resourcev1beta1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, `"name":"a"`},
		{"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", flowcontrolv1beta2.SchemeGroupVersion.WithKind("PriorityLevelConfiguration"),
			&flowcontrolv1beta2.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: flowcontrolv1beta2.PriorityLevelConfigurationSpec{
				Type: "Limited", Limited: &flowcontrolv1beta2.LimitedPriorityLevelConfiguration{AssuredConcurrencyShares: 20}}},
			`"nominalConcurrencyShares":20`},
		{"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", flowcontrolv1beta3.SchemeGroupVersion.WithKind("PriorityLevelConfiguration"),
			&flowcontrolv1beta3.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: flowcontrolv1beta3.PriorityLevelConfigurationSpec{
				Type: "Limited", Limited: &flowcontrolv1beta3.LimitedPriorityLevelConfiguration{}}},
			`"nominalConcurrencyShares":30`},
		{"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", flowcontrolv1beta3.SchemeGroupVersion.WithKind("PriorityLevelConfiguration"),
			&flowcontrolv1beta3.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares": ""}},
				Spec: flowcontrolv1beta3.PriorityLevelConfigurationSpec{Type: "Limited", Limited: &flowcontrolv1beta3.LimitedPriorityLevelConfiguration{}}},
			`"nominalConcurrencyShares":0`},
		{"ipaddresses.networking.k8s.io", networkingv1beta1.SchemeGroupVersion.WithKind("IPAddress"),
			&networkingv1beta1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: "10.96.0.1"}, Spec: networkingv1beta1.IPAddressSpec{ParentRef: &networkingv1beta1.ParentReference{Resource: "services", Name: "a"}}},
			`"parentRef":{"resource":"services","name":"a"}`},
		{"validatingadmissionpolicies.admissionregistration.k8s.io", admissionregistrationv1beta1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"),
			&admissionregistrationv1beta1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: admissionregistrationv1beta1.ValidatingAdmissionPolicySpec{
				Validations: []admissionregistrationv1beta1.Validation{{Expression: "true"}}}},
			`"expression":"true"`},
	} {
		r := named(t, all, c.resource)
		storage := codec.Storage{Kind: r.Kind, New: r.New, Default: r.Default, Others: r.Readable}
		c.stored.GetObjectKind().SetGroupVersionKind(c.kind)
		asJSON, err1 := json.Marshal(c.stored)
		asProtobuf, err2 := codec.EncodeProtobuf(c.stored, c.kind)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for form, value := range map[string][]byte{"JSON": asJSON, "protobuf": asProtobuf} {
			obj, err := storage.Decode(value, 7)
			if err != nil {
				t.Errorf("%s in %s: %v", c.kind, form, err)
				continue
			}
			if got := obj.GetObjectKind().GroupVersionKind(); got != r.Kind {
				t.Errorf("%s in %s is read as %s", c.kind, form, got)
			}
			if text, err := json.Marshal(obj); err != nil || !strings.Contains(string(text), c.want) || !strings.Contains(string(text), `"resourceVersion":"7"`) {
				t.Errorf("%s in %s, %v: %s lacks %s", c.kind, form, err, text, c.want)
			}
		}
	}
	pods := named(t, all, "pods")
	storage := codec.Storage{Kind: pods.Kind, New: pods.New, Default: pods.Default, Others: pods.Readable}
	if _, err := storage.Decode([]byte(`{"apiVersion":"v1","kind":"Node"}`), 7); err == nil || err.Error() != "decode stored Pod: found a /v1, Kind=Node" {
		t.Errorf("a node among pods: %v", err)
	}
}

// TestEveryVersionReadable holds that objects of stable kinds are read whatever
// beta version they are stored in: kube-apiserver has stored each of them once.
func TestEveryVersionReadable(t *testing.T) {
	all, _, err := new(options.API).Resources()
	if err != nil {
		t.Fatal(err)
	}
	readable := map[schema.GroupKind]map[string]bool{}
	for _, r := range all {
		if !r.Serves("list") {
			continue // a review, which is not stored
		}
		versions := map[string]bool{r.Kind.Version: true}
		for _, v := range r.Readable {
			if v.Kind.Group == r.Kind.Group {
				versions[v.Kind.Version] = true
			}
		}
		readable[r.Kind.GroupKind()] = versions
	}
	compared := 0
	for kind := range scheme.Scheme.AllKnownTypes() {
		versions := readable[kind.GroupKind()]
		if versions == nil || strings.Contains(kind.Version, "alpha") {
			continue
		}
		compared++
		if !versions[kind.Version] {
			t.Errorf("a stored %s cannot be read", kind)
		}
	}
	if compared < 90 {
		t.Errorf("only %d versions were compared", compared)
	}
}

func named(t *testing.T, all []*api.Resource, name string) *api.Resource {
	t.Helper()
	for _, r := range all {
		if r.GroupResource().String() == name {
			return r
		}
	}
	t.Fatalf("there is no resource %s", name)
	return nil
}

// dying is a store that ends after so many transactions.
type dying struct {
	store.Store
	left int
}

var errDied = errors.New("killed by the test")

func (d *dying) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	if d.left--; d.left < 0 {
		return store.TxnResult{}, errDied
	}
	return d.Store.Txn(ctx, t)
}

// bound is a seal that holds at one key only.
type bound struct{}

func (bound) Active() bool             { return true }
func (bound) Changed() <-chan struct{} { return nil }
func (bound) Seal(_ context.Context, key string, value []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%s|%s", key, value), nil
}

func (bound) Open(_ context.Context, key string, stored []byte) ([]byte, bool, error) {
	value, ok := strings.CutPrefix(string(stored), key+"|")
	if !ok {
		return nil, false, fmt.Errorf("%s is sealed for another key", key)
	}
	return []byte(value), false, nil
}

// TestSealedForPlace holds that what is sealed for its key is sealed for the one
// that it has in etcd: kube-apiserver with the same --etcd-prefix opens it.
func TestSealedForPlace(t *testing.T) {
	const key = "/registry/secrets/shop/s"
	p := placed{bound{}, "/elsewhere"}
	sealed, err := p.Seal(t.Context(), key, []byte("hush"))
	if err != nil || string(sealed) != "/elsewhere/secrets/shop/s|hush" {
		t.Errorf("%q, %v", sealed, err)
	}
	if opened, _, err := p.Open(t.Context(), key, sealed); err != nil || string(opened) != "hush" {
		t.Errorf("%q, %v", opened, err)
	}
	for prefix, want := range map[string]string{"": "/registry", "registry": "/registry", "/a/b/": "/a/b", "/": ""} {
		o := options.Datastore{Endpoints: []string{"http://127.0.0.1:1"}, Prefix: prefix}
		if got := o.KeyPrefix(); got != want {
			t.Errorf("the prefix %q becomes %q, not %q", prefix, got, want)
		}
	}
}

// TestMoveFormer holds that what lies in the former layout is moved, all of it,
// once, however often the server is killed meanwhile.
func TestMoveFormer(t *testing.T) {
	st := local.OpenMemory()
	want := map[string]string{}
	put := func(from, to string, sealed bool) {
		value := "value of " + from
		want[to] = value
		if sealed {
			want[to], value = to+"|"+value, from+"|"+value
		}
		if _, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: from, Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 150 {
		put(fmt.Sprint("/registry/core/pods/shop/p", n), fmt.Sprint("/registry/pods/shop/p", n), false)
		put(fmt.Sprint("/registry/core/secrets/shop/s", n), fmt.Sprint("/registry/secrets/shop/s", n), true)
	}
	for from, to := range map[string]string{
		"/registry/core/namespaces/shop": "/registry/namespaces/shop", "/registry/core/nodes/n1": "/registry/minions/n1",
		"/registry/core/services/shop/web": "/registry/services/specs/shop/web", "/registry/apps/deployments/shop/web": "/registry/deployments/shop/web",
		"/registry/networking.k8s.io/ingresses/shop/web":             "/registry/ingress/shop/web",
		"/registry/resource.k8s.io/resourceslices/s":                 "/registry/resourceslices/s",
		"/registry/apiextensions.k8s.io/customresourcedefinitions/c": "/registry/apiextensions.k8s.io/customresourcedefinitions/c",
		"/registry/example.com/widgets/shop/w":                       "/registry/example.com/widgets/shop/w",
	} {
		put(from, to, false)
	}
	sealers := func(r schema.GroupResource) cache.Sealer {
		if r.Resource == "secrets" {
			return bound{}
		}
		return nil
	}
	for deaths := 0; ; deaths++ {
		err := moveFormer(t.Context(), &dying{Store: st, left: 1}, sealers)
		if err == nil {
			if deaths < 8 {
				t.Errorf("done after %d deaths", deaths)
			}
			break
		}
		if !errors.Is(err, errDied) || deaths > 100 {
			t.Fatal(err)
		}
	}
	all, err := st.Range(t.Context(), store.Range{Prefix: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Entries) != len(want) {
		t.Errorf("%d entries, wanted %d", len(all.Entries), len(want))
	}
	for _, e := range all.Entries {
		if want[e.Key] != string(e.Value) {
			t.Errorf("%s holds %s, wanted %s", e.Key, e.Value, want[e.Key])
		}
	}
	if err := moveFormer(t.Context(), &dying{Store: st}, sealers); err != nil {
		t.Errorf("it writes when there is nothing to do: %v", err)
	}
}

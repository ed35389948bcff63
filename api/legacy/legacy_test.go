package legacy

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// TestThereAndBack: a client of an old version that reads and writes an object
// changes nothing of it.
func TestThereAndBack(t *testing.T) {
	prefix := networkingv1.PathTypePrefix
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "i"}}
	ingress.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "a", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	ingress.Spec.Rules = []networkingv1.IngressRule{{Host: "h", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{
			{Path: "/a", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "b", Port: networkingv1.ServiceBackendPort{Name: "http"}}}},
			{Path: "/b", PathType: &prefix, Backend: networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "Bucket", Name: "c"}}},
		},
	}}}}
	slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4}
	slice.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, NodeName: new("n"), Zone: new("z"), DeprecatedTopology: map[string]string{"rack": "1"}}}
	event := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}, Message: "m", Count: 2, ReportingController: "c", Source: corev1.EventSource{Component: "s"}}
	for name, c := range map[string]struct {
		versions []api.Version
		object   api.Object
	}{
		"ingress": {ingresses(), ingress}, "slice": {endpointSlices(), slice}, "event": {events(), event},
	} {
		for _, v := range c.versions {
			t.Run(name+" "+v.Kind.GroupVersion().String(), func(t *testing.T) {
				out, err := v.Export(c.object)
				if err != nil {
					t.Fatal(err)
				}
				back, err := v.Import(out)
				if err != nil {
					t.Fatal(err)
				}
				if !equality.Semantic.DeepEqual(back, c.object) {
					t.Errorf("got %+v\nwant %+v", back, c.object)
				}
			})
		}
	}
}

// TestEmptySelector: in policy/v1beta1 it selects nothing, in policy/v1 all.
func TestEmptySelector(t *testing.T) {
	old := &policyv1beta1.PodDisruptionBudget{}
	old.Spec.Selector = &metav1.LabelSelector{}
	o, err := budgets()[0].Import(old)
	if err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(o.(*policyv1.PodDisruptionBudget).Spec.Selector)
	if err != nil || selector.Empty() {
		t.Fatalf("it selects everything: %v, %v", selector, err)
	}
	back, err := budgets()[0].Export(o)
	if err != nil || len(back.(*policyv1beta1.PodDisruptionBudget).Spec.Selector.MatchExpressions) != 0 {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestDeprecation(t *testing.T) {
	want := "extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment; Minke converts it"
	all := deployments()
	if got := all[len(all)-1].Deprecated; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

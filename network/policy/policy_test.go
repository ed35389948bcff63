package policy

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/client/fake"
	"minke/network/netnstest"
)

func ptr[T any](v T) *T { return &v }

// bed is a node with the pods a and b, and a world outside:
//
//	world 192.0.2.2 ── 192.0.2.1 node ── 10.244.1.2 a (app=a, namespace one)
//	                                 └── 10.244.2.2 b (app=b, namespace two)
type bed struct {
	t                 *testing.T
	node, world, a, b *netnstest.NS
	api               *fake.Server
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, node: netnstest.New(t), world: netnstest.New(t), a: netnstest.New(t), b: netnstest.New(t), api: fake.New().Guarded(t)}
	b.node.Try(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	netnstest.Cable(t, b.node, "up0", "192.0.2.1/24", b.world, "eth0", "192.0.2.2/24")
	b.world.Route("0.0.0.0/0", "192.0.2.1")
	b.world.Serve("192.0.2.2:80", "world")
	b.node.Serve("192.0.2.1:80", "node")
	b.node.Address("lo", "10.96.0.10/32")
	b.node.Serve("10.96.0.10:53", "dns")
	for i, pod := range []*netnstest.NS{b.a, b.b} {
		n, name := i+1, string(rune('a'+i))
		netnstest.Cable(t, b.node, name, fmt.Sprintf("10.244.%d.1/24", n), pod, "eth0", fmt.Sprintf("10.244.%d.2/24", n))
		pod.Route("0.0.0.0/0", fmt.Sprintf("10.244.%d.1", n))
		pod.Serve(fmt.Sprintf("10.244.%d.2:80", n), name)
		pod.Serve(fmt.Sprintf("10.244.%d.2:81", n), name)
		namespace := []string{"one", "two"}[i]
		b.api.Put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"name": namespace}}})
		b.api.Put(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
			Spec:   corev1.PodSpec{NodeName: "here", Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 80}}}}},
			Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: fmt.Sprintf("10.244.%d.2", n)}}}})
	}
	b.start()
	return b
}

func (b *bed) start() {
	informers := client.NewInformers(b.api)
	ctx, cancel := context.WithCancel(context.Background())
	done, ready := make(chan struct{}), make(chan (<-chan struct{}), 1)
	go func() {
		defer close(done)
		b.node.Do(func() {
			e, err := New(Config{NodeName: "here", Infrastructure: []netip.Addr{netip.MustParseAddr("10.96.0.10")}}, informers)
			if err != nil {
				b.t.Error(err)
				cancel()
				return
			}
			informers.Start(ctx)
			ready <- e.Ready()
			e.Run(ctx)
		})
	}()
	b.t.Cleanup(func() { cancel(); <-done })
	select {
	case <-<-ready:
	case <-time.After(5 * time.Second):
		b.t.Fatal("not ready")
	}
}

// reaches waits until it is as wanted, for each of the pairs.
func (b *bed) reaches(want map[string]bool) {
	b.t.Helper()
	from := map[byte]*netnstest.NS{'a': b.a, 'b': b.b, 'w': b.world, 'n': b.node}
	to := map[string]string{"a": "10.244.1.2:80", "b": "10.244.2.2:80", "w": "192.0.2.2:80", "n": "192.0.2.1:80", "d": "10.96.0.10:53", "A": "10.244.1.2:81", "B": "10.244.2.2:81"}
	for pair, reached := range want {
		for deadline := time.Now().Add(8 * time.Second); ; {
			got, err := from[pair[0]].AskWithin(200*time.Millisecond, "tcp", to[pair[1:]])
			if (err == nil) == reached {
				break
			}
			if time.Now().After(deadline) {
				b.t.Errorf("%s: got %q, %v; want reached %v", pair, got, err, reached)
				break
			}
		}
	}
}

func policy(namespace, name, app string, spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
}

func TestIngress(t *testing.T) {
	b := newBed(t)
	b.reaches(map[string]bool{"ab": true, "wb": true, "ba": true})
	b.api.Put(policy("two", "deny", "b", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}))
	// The node itself, answers, and a pod to itself always pass.
	b.reaches(map[string]bool{"ab": false, "wb": false, "nb": true, "bb": true, "ba": true, "bw": true, "wa": true})

	fromOne := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"name": "one"}},
		PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}}
	b.api.Put(policy("two", "allow", "b", networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{fromOne}, Ports: []networkingv1.NetworkPolicyPort{{Port: ptr(intstr.FromString("web"))}}}}}))
	b.reaches(map[string]bool{"ab": true, "aB": false, "wb": false})

	b.api.Put(policy("two", "allow", "b", networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
		From:  []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "192.0.2.0/24"}}},
		Ports: []networkingv1.NetworkPolicyPort{{Port: ptr(intstr.FromInt32(81)), EndPort: ptr(int32(90))}}}}}))
	b.reaches(map[string]bool{"ab": false, "wb": false, "wB": true})
	b.api.Put(policy("two", "allow", "b", networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"192.0.2.2/32"}}}}}}}))
	b.reaches(map[string]bool{"ab": true, "wb": false})

	for _, name := range []string{"allow", "deny"} {
		if err := client.Of(b.api, client.NetworkPolicies).Delete(context.Background(), "two", name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	b.reaches(map[string]bool{"ab": true, "wb": true})
}

func TestEgress(t *testing.T) {
	b := newBed(t)
	b.api.Put(policy("one", "out", "a", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}}))
	b.reaches(map[string]bool{"ab": false, "aw": false, "an": false, "ad": true, "aa": true, "ba": true, "na": true})
	b.api.Put(policy("one", "out", "a", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}}}))
	b.reaches(map[string]bool{"ab": true, "aw": false})
	// Both ends must allow.
	b.api.Put(policy("two", "in", "b", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}))
	b.reaches(map[string]bool{"ab": false})
}

func TestPeersFollowPods(t *testing.T) {
	b := newBed(t)
	b.api.Put(policy("one", "in", "a", networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"may": "yes"}}}}}}}))
	b.reaches(map[string]bool{"ba": false})
	pod, err := client.Of(b.api, client.Pods).Get(context.Background(), "two", "b")
	if err != nil {
		t.Fatal(err)
	}
	pod = pod.DeepCopy()
	pod.Labels["may"] = "yes"
	b.api.Put(pod)
	b.reaches(map[string]bool{"ba": true})
	pod = pod.DeepCopy()
	delete(pod.Labels, "may")
	b.api.Put(pod)
	b.reaches(map[string]bool{"ba": false})
}

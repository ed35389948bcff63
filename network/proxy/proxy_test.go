package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/network/netnstest"
)

// bed is a node with two pods and a client outside:
//
//	world 192.0.2.2 ── 192.0.2.1 node 10.244.1.1 ── 10.244.1.2 pod a
//	                                  10.244.2.1 ── 10.244.2.2 pod b
type bed struct {
	t                 *testing.T
	node, world, a, b *netnstest.NS
	api               *fake.Server
	stop              func()
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, node: netnstest.New(t), world: netnstest.New(t), a: netnstest.New(t), b: netnstest.New(t), api: fake.New().Guarded(t)}
	b.node.Try(func() error {
		// Redirects would use up the allowance of ICMP messages to a pod.
		for f, v := range map[string]string{"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
			"ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0"} {
			if err := os.WriteFile("/proc/sys/net/"+f, []byte(v), 0); err != nil {
				return err
			}
		}
		return nil
	})
	netnstest.Cable(t, b.node, "up0", "192.0.2.1/24", b.world, "eth0", "192.0.2.2/24")
	b.node.Address("up0", "2001:db8::1/64")
	b.world.Address("eth0", "2001:db8::2/64")
	b.world.Route("0.0.0.0/0", "192.0.2.1")
	b.world.Route("::/0", "2001:db8::1")
	b.node.Route("0.0.0.0/0", "192.0.2.2")
	for i, pod := range []*netnstest.NS{b.a, b.b} {
		n, name := i+1, string(rune('a'+i))
		netnstest.Cable(t, b.node, name, fmt.Sprintf("10.244.%d.1/24", n), pod, "eth0", fmt.Sprintf("10.244.%d.2/24", n))
		b.node.Address(name, fmt.Sprintf("fd00:244:%d::1/64", n))
		pod.Address("eth0", fmt.Sprintf("fd00:244:%d::2/64", n))
		pod.Route("0.0.0.0/0", fmt.Sprintf("10.244.%d.1", n))
		pod.Route("::/0", fmt.Sprintf("fd00:244:%d::1", n))
		pod.Serve(fmt.Sprintf("10.244.%d.2:8080", n), name)
		pod.Serve(fmt.Sprintf("[fd00:244:%d::2]:8080", n), name)
	}
	return b
}

func (b *bed) start(change func(*Config)) {
	b.t.Helper()
	cfg := Config{NodeName: "here", ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:244::/32")}}
	if change != nil {
		change(&cfg)
	}
	informers := client.NewInformers(b.api)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan (<-chan struct{}), 1), make(chan struct{})
	go func() {
		defer close(done)
		b.node.Do(func() {
			p, err := New(cfg, informers)
			if err != nil {
				b.t.Error(err)
				return
			}
			informers.Start(ctx)
			ready <- p.Ready()
			p.Run(ctx)
		})
	}()
	b.stop = func() { cancel(); <-done }
	b.t.Cleanup(b.stop)
	select {
	case <-<-ready:
	case <-time.After(5 * time.Second):
		b.t.Fatal("the proxy does not become ready")
	}
}

// eventually waits for what an event brings about.
func (b *bed) eventually(what string, holds func() (string, bool)) {
	b.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		got, ok := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Errorf("%s: got %s", what, got)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// expect waits until every answer, to as many calls as give each endpoint its
// chance, is one of want, and all of them come.
func (b *bed) expect(from *netnstest.NS, network, addr string, want ...string) {
	b.t.Helper()
	b.eventually(network+" "+addr+" must answer "+strings.Join(want, ", "), func() (string, bool) {
		seen := map[string]bool{}
		for range 1 + 12*(len(want)-1) {
			got, err := from.Ask(network, addr)
			if err != nil {
				got = err.Error()
			}
			seen[got] = true
		}
		for _, w := range want {
			if !seen[w] {
				return fmt.Sprint(seen), false
			}
		}
		return fmt.Sprint(seen), len(seen) == len(want)
	})
}

// refuses waits until a call fails with the text.
func (b *bed) refuses(from *netnstest.NS, network, addr, why string) {
	b.t.Helper()
	b.eventually(network+" "+addr+" must be refused", func() (string, bool) {
		got, err := from.Ask(network, addr)
		return fmt.Sprintf("%q, %v", got, err), err != nil && strings.Contains(err.Error(), why)
	})
}

func service(change func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.96.0.5", ClusterIPs: []string{"10.96.0.5", "fd00:96::5"},
			Ports: []corev1.ServicePort{{Name: "t", Port: 80, Protocol: corev1.ProtocolTCP}, {Name: "u", Port: 80, Protocol: corev1.ProtocolUDP}}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func ptr[T any](v T) *T { return &v }

type end struct {
	addr, node string
	draining   bool
}

func slice(name string, family discoveryv1.AddressType, ends ...end) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: family,
		Ports: []discoveryv1.EndpointPort{{Name: ptr("t"), Port: ptr(int32(8080)), Protocol: ptr(corev1.ProtocolTCP)},
			{Name: ptr("u"), Port: ptr(int32(8080)), Protocol: ptr(corev1.ProtocolUDP)}},
	}
	for _, e := range ends {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{e.addr}, NodeName: ptr(e.node),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr(!e.draining), Serving: ptr(true), Terminating: ptr(e.draining)}})
	}
	return s
}

func both() *discoveryv1.EndpointSlice {
	return slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.1.2", node: "here"}, end{addr: "10.244.2.2", node: "there"})
}

func TestClusterIP(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(nil))
	b.api.Put(both())
	b.api.Put(slice("web-6", discoveryv1.AddressTypeIPv6, end{addr: "fd00:244:1::2", node: "here"}))
	b.start(nil)
	for _, network := range []string{"tcp", "udp"} {
		b.expect(b.a, network, "10.96.0.5:80", "a 10.244.1.1", "b 10.244.1.2") // itself: masqueraded
		b.expect(b.node, network, "10.96.0.5:80", "a 10.244.1.1", "b 10.244.2.1")
		b.expect(b.world, network, "10.96.0.5:80", "a 10.244.1.1", "b 10.244.2.1")
		b.expect(b.b, network, "[fd00:96::5]:80", "a fd00:244:2::2")
	}
	b.refuses(b.a, "tcp", "10.96.0.5:81", "connection refused")
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2"}))
	b.expect(b.a, "tcp", "10.96.0.5:80", "b 10.244.1.2")
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2", draining: true}))
	b.expect(b.a, "tcp", "10.96.0.5:80", "b 10.244.1.2")
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4))
	for _, from := range []*netnstest.NS{b.a, b.b, b.world} {
		b.refuses(from, "tcp", "10.96.0.5:80", "connection refused")
		b.refuses(from, "udp", "10.96.0.5:80", "connection refused")
	}
	b.refuses(b.node, "tcp", "10.96.0.5:80", "connection refused")
	b.refuses(b.node, "udp", "10.96.0.5:80", "operation not permitted")
	b.api.Put(both())
	b.expect(b.a, "udp", "10.96.0.5:80", "a 10.244.1.1", "b 10.244.1.2")
	b.stop()
	b.expect(b.a, "tcp", "10.96.0.5:80", "a 10.244.1.1", "b 10.244.1.2")
	b.start(nil)
	b.expect(b.a, "tcp", "10.96.0.5:80", "a 10.244.1.1", "b 10.244.1.2")
}

// What is labelled as headless is for DNS alone.
func TestIgnoresHeadlessSlices(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(nil))
	b.api.Put(both())
	other := slice("web-other", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2"})
	b.api.Put(other)
	b.start(nil)
	b.expect(b.node, "tcp", "10.96.0.5:80", "a 10.244.1.1", "b 10.244.2.1")
	headless := both()
	headless.Labels[corev1.IsHeadlessService] = ""
	b.api.Put(headless)
	b.expect(b.node, "tcp", "10.96.0.5:80", "b 10.244.2.1")
	other = other.DeepCopy()
	other.Labels[corev1.IsHeadlessService] = ""
	b.api.Put(other)
	b.refuses(b.node, "tcp", "10.96.0.5:80", "connection refused")
}

// The kernel forgets a server that is slow to close after a minute by default,
// and keeps dead connections for five days.
func TestTracksConnectionsAsKubeProxyDoes(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(nil))
	b.start(nil)
	for name, want := range map[string]string{"tcp_timeout_close_wait": "3600", "tcp_timeout_established": "86400"} {
		b.node.Try(func() error {
			got, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_" + name)
			if err == nil && strings.TrimSpace(string(got)) != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
			return err
		})
	}
}

func TestFromOutside(t *testing.T) {
	b := newBed(t)
	b.start(func(c *Config) { c.AllowExternalIPs = true })
	balanced := func(change func(*corev1.Service)) *corev1.Service {
		return service(func(s *corev1.Service) {
			s.Spec.Type = corev1.ServiceTypeLoadBalancer
			s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort = 30080, 30080
			s.Spec.ExternalIPs = []string{"198.51.100.1"}
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.51.100.2"}}
			if change != nil {
				change(s)
			}
		})
	}
	b.api.Put(balanced(nil))
	b.api.Put(both())
	for _, addr := range []string{"192.0.2.1:30080", "198.51.100.1:80", "198.51.100.2:80"} {
		b.expect(b.world, "tcp", addr, "a 10.244.1.1", "b 10.244.2.1")
		b.expect(b.world, "udp", addr, "a 10.244.1.1", "b 10.244.2.1")
	}
	b.api.Put(balanced(func(s *corev1.Service) {
		s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		s.Spec.HealthCheckNodePort = 31000
		s.Spec.LoadBalancerSourceRanges = []string{"192.0.2.2/32"}
	}))
	for _, addr := range []string{"192.0.2.1:30080", "198.51.100.1:80", "198.51.100.2:80"} {
		b.expect(b.world, "tcp", addr, "a 192.0.2.2")
	}
	b.expect(b.a, "tcp", "192.0.2.1:30080", "a 10.244.1.1", "b 10.244.1.2")
	b.eventually("health check", func() (string, bool) {
		got, _ := b.healthOf("192.0.2.1:31000")
		return got, strings.Contains(got, " 200 ") && strings.Contains(got, `"localEndpoints":1`)
	})
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2", node: "there"}))
	b.eventually("health check without local endpoints", func() (string, bool) {
		got, _ := b.healthOf("192.0.2.1:31000")
		return got, strings.Contains(got, " 503 ")
	})
	b.api.Put(service(nil))
	b.refuses(b.world, "tcp", "192.0.2.1:30080", "connection refused")
}

func (b *bed) healthOf(addr string) (got string, err error) {
	b.world.Do(func() { got, err = get(addr) })
	return got, err
}

func TestCVE202125740_EndpointsOfTheNode(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "::", "ff02::1", "::ffff:127.0.0.1"} {
		for _, f := range families(t) {
			if e, ok := read(f, discoveryv1.Endpoint{Addresses: []string{addr}}, 80); ok {
				t.Errorf("%s is an endpoint: %v", addr, e)
			}
		}
	}
}

func TestExternalIPsAreRefusedByDefault(t *testing.T) {
	s := service(func(s *corev1.Service) { s.Spec.ExternalIPs = []string{"198.51.100.1"} })
	for f := range fronts(Config{}, families(t)[0], s, s.Spec.Ports[0]) {
		if f.addr.String() == "198.51.100.1" {
			t.Error("an external IP is served without permission (CVE-2020-8554)")
		}
	}
}

func TestAffinity(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP }))
	b.api.Put(both())
	b.start(nil)
	first, err := b.world.Ask("tcp", "10.96.0.5:80")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := b.world.Ask("tcp", "10.96.0.5:80"); again != first {
			t.Fatalf("went to %q, then to %q, %v", first, again, err)
		}
	}
	other, left := "b 10.244.2.1", end{addr: "10.244.2.2"}
	if strings.HasPrefix(first, "b") {
		other, left = "a 10.244.1.1", end{addr: "10.244.1.2"}
	}
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, left))
	b.expect(b.world, "tcp", "10.96.0.5:80", other)
}

// A UDP client that keeps its port must not stay with an endpoint that is gone.
func TestStaleUDP(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(nil))
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.1.2"}))
	b.start(nil)
	ask := func(want string) {
		b.t.Helper()
		b.eventually("the same client", func() (string, bool) {
			got, err := b.world.AskFrom("udp", "192.0.2.2:4000", "10.96.0.5:80")
			return fmt.Sprintf("%q %v", got, err), got == want
		})
	}
	ask("a 10.244.1.1")
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2"}))
	ask("b 10.244.2.1")
}

func TestTwoServicesWantOneAddress(t *testing.T) {
	b := newBed(t)
	b.api.Put(service(nil))
	b.api.Put(slice("web-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.1.2"}))
	b.start(nil)
	second := service(func(s *corev1.Service) { s.Name = "zweb" })
	b.api.Put(second)
	ends := slice("zweb-4", discoveryv1.AddressTypeIPv4, end{addr: "10.244.2.2"})
	ends.Labels[discoveryv1.LabelServiceName] = "zweb"
	b.api.Put(ends)
	b.expect(b.world, "tcp", "10.96.0.5:80", "a 10.244.1.1")
	err := client.Of(b.api, client.Services).Delete(context.Background(), "default", "web", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.expect(b.world, "tcp", "10.96.0.5:80", "b 10.244.2.1")
}

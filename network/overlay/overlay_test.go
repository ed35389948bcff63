package overlay

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vishvananda/netlink"

	"minke/client"
	"minke/client/fake"
	"minke/network/netnstest"
)

func node(n int) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("n", n)},
		Spec:       corev1.NodeSpec{PodCIDRs: []string{fmt.Sprintf("10.244.%d.0/24", n), fmt.Sprintf("fd00:244:%d::/64", n)}},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("192.0.2.%d", n)}}},
	}
}

// host is a node with one pod.
type host struct{ ns, pod *netnstest.NS }

func newHost(t *testing.T, n int) host {
	h := host{netnstest.New(t), netnstest.New(t)}
	h.ns.Try(func() error {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			return err
		}
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0)
	})
	netnstest.Cable(t, h.ns, "pods", fmt.Sprintf("10.244.%d.1/24", n), h.pod, "eth0", fmt.Sprintf("10.244.%d.2/24", n))
	h.ns.Address("pods", fmt.Sprintf("fd00:244:%d::1/64", n))
	h.pod.Address("eth0", fmt.Sprintf("fd00:244:%d::2/64", n))
	h.pod.Route("0.0.0.0/0", fmt.Sprintf("10.244.%d.1", n))
	h.pod.Route("::/0", fmt.Sprintf("fd00:244:%d::1", n))
	h.pod.Serve(fmt.Sprintf("10.244.%d.2:80", n), fmt.Sprint("pod", n))
	h.pod.Serve(fmt.Sprintf("[fd00:244:%d::2]:80", n), fmt.Sprint("pod", n))
	return h
}

func (h host) run(t *testing.T, api *fake.Server, n int, backend Backend) (stop func()) {
	informers := client.NewInformers(api)
	ctx, cancel := context.WithCancel(context.Background())
	done, ready := make(chan struct{}), make(chan (<-chan struct{}), 1)
	go func() {
		defer close(done)
		h.ns.Do(func() {
			o, err := New(Config{NodeName: fmt.Sprint("n", n), NodeIP: netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", n)), Backend: backend}, informers)
			if err != nil {
				t.Error(err)
				cancel()
				return
			}
			informers.Start(ctx)
			ready <- o.Ready()
			o.Run(ctx)
		})
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	select {
	case <-<-ready:
	case <-time.After(5 * time.Second):
		t.Fatal("not ready")
	}
	return stop
}

func eventually(t *testing.T, what string, holds func() (string, bool)) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		got, ok := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %s", what, got)
		}
	}
}

func answers(t *testing.T, from *netnstest.NS, addr, want string) {
	t.Helper()
	eventually(t, addr+" must answer "+want, func() (string, bool) {
		got, err := from.Ask("tcp", addr)
		return fmt.Sprintf("%q, %v", got, err), got == want
	})
}

func TestPodsOfTwoNodes(t *testing.T) {
	for _, backend := range []Backend{VXLAN, HostGateway} {
		t.Run(string(backend), func(t *testing.T) {
			one, two := newHost(t, 1), newHost(t, 2)
			netnstest.Cable(t, one.ns, "eth0", "192.0.2.1/24", two.ns, "eth0", "192.0.2.2/24")
			api := fake.New(node(1), node(2)).Guarded(t)
			stop := one.run(t, api, 1, backend)
			two.run(t, api, 2, backend)
			answers(t, one.pod, "10.244.2.2:80", "pod2 10.244.1.2")
			answers(t, two.pod, "10.244.1.2:80", "pod1 10.244.2.2")
			if backend == VXLAN {
				answers(t, one.pod, "[fd00:244:2::2]:80", "pod2 fd00:244:1::2")
				answers(t, one.ns, "10.244.2.2:80", "pod2 10.244.1.0")
			}

			// A node goes while nobody watches, another comes, and one moves.
			stop()
			answers(t, one.pod, "10.244.2.2:80", "pod2 10.244.1.2")
			api.Put(node(3))
			err := client.Of(api, client.Nodes).Delete(context.Background(), "", "n2", metav1.DeleteOptions{})
			if err != nil {
				t.Fatal(err)
			}
			one.run(t, api, 1, backend)
			if got := routes(t, one); got != "10.244.3.0/24" && got != "10.244.3.0/24 fd00:244:3::/64" {
				t.Errorf("routes to %q", got)
			}
			moved := node(3)
			moved.Spec.PodCIDRs = []string{"10.244.4.0/24"}
			api.Put(moved)
			eventually(t, "routes", func() (string, bool) { got := routes(t, one); return got, got == "10.244.4.0/24" })
			one.ns.Try(func() error { return Cleanup("") })
			if got := routes(t, one); got != "" {
				t.Errorf("left behind: routes to %s", got)
			}
		})
	}
}

func routes(t *testing.T, h host) (all string) {
	h.ns.Try(func() error {
		kernel, err := netlink.NewHandle()
		if err != nil {
			return err
		}
		defer kernel.Close()
		routes, err := ourRoutes(kernel)
		for i, r := range routes {
			if i > 0 {
				all += " "
			}
			all += r.Dst.String()
		}
		return err
	})
	return all
}

func TestNodesOutOfReach(t *testing.T) {
	for name, n := range map[string]*corev1.Node{
		"no pod network": {Status: node(1).Status},
		"no address":     {Spec: node(1).Spec},
		"other family":   {Spec: node(1).Spec, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "2001:db8::1"}}}},
	} {
		if p, ok := peerOf(n, netip.MustParseAddr("192.0.2.9")); ok {
			t.Errorf("%s: %v", name, p)
		}
	}
}

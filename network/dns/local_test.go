package dns

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/network/cni"
	"minke/network/netnstest"
	"minke/network/proxy"
)

// A pod reaches the node's own DNS at the cluster IP, with the proxy running
// and a Service of that address which has no endpoints.
func TestPodsAskTheNodesDNS(t *testing.T) {
	node, pod := netnstest.New(t), netnstest.New(t)
	ip := netip.MustParseAddr("10.96.0.10")
	objs := append(objects(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns"},
		Spec: corev1.ServiceSpec{ClusterIP: ip.String(), Ports: []corev1.ServicePort{{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP}}}})
	informers := client.NewInformers(fake.New(objs...).Guarded(t))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	ready := make(chan []<-chan struct{}, 1)
	go func() {
		defer close(done)
		node.Do(func() {
			plugin, err := cni.New(cni.Config{StateDir: t.TempDir(), Subnets: []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24")}})
			if err != nil {
				t.Error(err)
				return
			}
			defer plugin.Close()
			if _, err := plugin.Setup(ctx, cni.Attachment{SandboxID: "p", NetNS: pod.Path()}); err != nil {
				t.Error(err)
			}
			for range 2 {
				if err := BindLocal(ip); err != nil {
					t.Error(err)
				}
			}
			s, err := New(Config{Listen: []netip.AddrPort{netip.AddrPortFrom(ip, 53)}}, informers)
			if err != nil {
				t.Error(err)
				return
			}
			p, err := proxy.New(proxy.Config{NodeName: "here", Local: []netip.Addr{ip}}, informers)
			if err != nil {
				t.Error(err)
				return
			}
			informers.Start(ctx)
			go s.Run(ctx)
			ready <- []<-chan struct{}{s.Ready(), p.Ready()}
			p.Run(ctx)
			if err := UnbindLocal(ip); err != nil {
				t.Error(err)
			}
		})
	}()
	defer func() { cancel(); <-done }()
	for _, r := range <-ready {
		select {
		case <-r:
		case <-time.After(5 * time.Second):
			t.Fatal("not ready")
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		pod.Try(func() error {
			q := new(dns.Msg)
			q.SetQuestion("kube-dns.kube-system.svc.cluster.local.", dns.TypeA)
			c := dns.Client{Net: network}
			r, _, err := c.Exchange(q, "10.96.0.10:53")
			if err == nil && text(r) != "kube-dns.kube-system.svc.cluster.local. 30 A 10.96.0.10" {
				t.Errorf("%s: %s", network, text(r))
			}
			return err
		})
	}
}

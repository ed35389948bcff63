package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/network/netnstest"
)

// After any history of changes the kernel must hold what a fresh start would
// write, apart from the order of endpoints.
func TestChangesAddUpToARebuild(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	node := netnstest.New(t)
	api := fake.New().Guarded(t)
	informers := client.NewInformers(api)
	var p *Proxy
	node.Try(func() (err error) {
		p, err = New(Config{NodeName: "n0", AllowExternalIPs: true}, informers)
		return err
	})
	defer p.rules.Close()
	defer p.flows.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	informers.Start(ctx)
	if err := informers.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	p.listen()
	if err := p.rebuild(); err != nil {
		t.Fatal(err)
	}
	for step := range 150 {
		want := mutate(r, api)
		for deadline := time.Now().Add(5 * time.Second); !current(p, want); time.Sleep(100 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatal("the informers do not follow")
			}
		}
		if err := p.update(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if err := p.update(); err != nil { // what waited for a front
			t.Fatalf("step %d: %v", step, err)
		}
		if step%10 != 9 {
			continue
		}
		changed := dump(t, p)
		if err := p.rebuild(); err != nil {
			t.Fatalf("step %d: rebuild: %v", step, err)
		}
		if fresh := dump(t, p); !slices.Equal(changed, fresh) {
			t.Fatalf("step %d: changes left\n%q\na rebuild\n%q", step, changed, fresh)
		}
	}
}

// mutate puts or deletes one of a few Services or slices.
func mutate(r *rand.Rand, api *fake.Server) client.Object {
	i := r.IntN(5)
	name := fmt.Sprint("web", i)
	if r.IntN(2) == 0 {
		var ends []end
		for e := range r.IntN(5) {
			if r.IntN(3) > 0 {
				ends = append(ends, end{addr: fmt.Sprintf("10.244.%d.%d", i, e), node: fmt.Sprint("n", r.IntN(2)), draining: r.IntN(4) == 0})
			}
		}
		s := slice(name, discoveryv1.AddressTypeIPv4, ends...)
		s.Labels[discoveryv1.LabelServiceName] = name
		return api.Put(s)
	}
	return api.Put(service(func(s *corev1.Service) {
		s.Name = name
		s.Spec.Type = []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName}[r.IntN(4)]
		s.Spec.ClusterIPs = []string{fmt.Sprintf("10.96.0.%d", i)}
		s.Spec.Ports = s.Spec.Ports[:1+r.IntN(2)]
		s.Spec.Ports[0].NodePort = int32(30000 + i)
		if r.IntN(3) == 0 {
			s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		}
		if r.IntN(3) == 0 {
			s.Spec.InternalTrafficPolicy = ptr(corev1.ServiceInternalTrafficPolicyLocal)
		}
		if r.IntN(3) == 0 {
			s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
			s.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr(int32(10 + r.IntN(2)))}}
		}
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: fmt.Sprintf("198.51.100.%d", i)}}
		if r.IntN(2) == 0 {
			s.Spec.LoadBalancerSourceRanges = []string{"192.0.2.0/24"}
		}
	}))
}

func current(p *Proxy, want client.Object) bool {
	var have metav1.Object
	var ok bool
	if _, isService := want.(*corev1.Service); isService {
		have, ok = p.services.Get(want.GetNamespace(), want.GetName())
	} else {
		have, ok = p.slices.Get(want.GetNamespace(), want.GetName())
	}
	if !ok || have.GetResourceVersion() != want.GetResourceVersion() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.dirty) > 0
}

// dump lists the kernel's chains, sets and elements, but for the numbers of
// slots and of chains with affinity, which depend on history.
func dump(t *testing.T, p *Proxy) (all []string) {
	tables := p.tables[:1]
	err := p.rules.Read(func(c *nftables.Conn) error {
		for _, tb := range tables {
			sets, err := c.GetSets(tb.nft)
			if err != nil {
				return err
			}
			for _, s := range sets {
				elements, err := c.GetSetElements(s)
				if err != nil {
					return err
				}
				if s.Name[:4] == "slot" || s.Name[:4] == "clie" {
					all = append(all, fmt.Sprintf("set of affinity with %d", len(elements)))
					continue
				}
				for _, e := range elements {
					to, key := fmt.Sprintf("%x", e.Val), e.Key
					if s.Name == "services" || s.Name == "node-ports" {
						// A verdict as the kernel lists it: a header, then the chain.
						to = shape(strings.TrimRight(string(e.Val[12:]), "\x00"))
					}
					if s.Name[:4] == "endp" {
						key = key[:len(key)-4]
					}
					all = append(all, fmt.Sprintf("%s %x %s", s.Name, key, to))
				}
			}
			chains, err := c.ListChainsOfTableFamily(tb.Table)
			if err != nil {
				return err
			}
			for _, ch := range chains {
				rules, err := c.GetRules(tb.nft, ch)
				if err != nil {
					return err
				}
				all = append(all, fmt.Sprintf("chain %s with %d rules", shape(ch.Name), len(rules)))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// shape takes the number out of c12-ID.
func shape(chain string) string {
	if len(chain) > 1 && (chain[0] == 'c' || chain[0] == 'l') && chain[1] >= '0' && chain[1] <= '9' {
		for i := range chain {
			if chain[i] == '-' {
				return chain[:1] + chain[i:]
			}
		}
	}
	return chain
}

package allocate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func cidr(name string, ready metav1.ConditionStatus, ranges ...string) *networkingv1.ServiceCIDR {
	c := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: ranges}}
	if ready != "" {
		c.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: ready}}
	}
	return c
}

func TestRanges(t *testing.T) {
	going := cidr("b", metav1.ConditionTrue, "10.2.0.0/30")
	going.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	for _, c := range []struct {
		name  string
		cidrs []*networkingv1.ServiceCIDR
		wish  string
		want  string // one of the addresses it may be, or what the error says
	}{
		{"none yet: the flag holds", nil, "", "10.0.0.1 10.0.0.2"},
		{"the default one says otherwise", []*networkingv1.ServiceCIDR{cidr("kubernetes", "True", "10.1.0.0/30")}, "", "10.1.0.1 10.1.0.2"},
		{"nobody has said that it is ready", []*networkingv1.ServiceCIDR{cidr("kubernetes", "", "10.1.0.0/30")}, "", "10.1.0.1 10.1.0.2"},
		{"not ready", []*networkingv1.ServiceCIDR{cidr("kubernetes", "False", "10.1.0.0/30"), cidr("b", "True", "10.2.0.0/30")}, "", "10.2.0.1 10.2.0.2"},
		{"none is ready", []*networkingv1.ServiceCIDR{cidr("kubernetes", "False", "10.1.0.0/30")}, "", "failed to allocate a serviceIP: range is full"},
		{"being deleted", []*networkingv1.ServiceCIDR{going}, "10.2.0.1", "the provided network does not match the current range"},
		{"a wish in a second one", []*networkingv1.ServiceCIDR{cidr("b", "True", "10.2.0.0/30")}, "10.2.0.1", "10.2.0.1"},
		{"the network itself", []*networkingv1.ServiceCIDR{cidr("b", "True", "10.2.0.0/30")}, "10.2.0.0", "the provided network does not match the current range"},
		{"broadcast", []*networkingv1.ServiceCIDR{cidr("b", "True", "10.2.0.0/30")}, "10.2.0.3", "the provided network does not match the current range"},
		{"far out in a wide one", []*networkingv1.ServiceCIDR{cidr("b", "True", "10.8.0.0/12")}, "10.11.12.13", "10.11.12.13"},
		{"an IPAddress has it", nil, "10.0.0.2", "failed to allocate IP 10.0.0.2: provided IP is already allocated"},
		{"of one range ready by another object", []*networkingv1.ServiceCIDR{cidr("kubernetes", "False", "10.1.0.0/30"), cidr("b", "True", "10.1.0.0/30")}, "10.1.0.2", "10.1.0.2"},
	} {
		cl, a := newCluster(t, "10.0.0.0/30")
		for _, o := range c.cidrs {
			cl.cidrs[o.Name] = o
		}
		if strings.Contains(c.name, "IPAddress") {
			cl.addresses[c.wish] = &networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: c.wish}}
		}
		s := service("s", func(s *corev1.ServiceSpec) { s.ClusterIP = c.wish })
		got := ""
		if err := admit(a, t.Context(), s, nil); err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			continue
		}
		if got = s.Spec.ClusterIP; !slices.Contains(strings.Fields(c.want), got) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBeside(t *testing.T) {
	_, a := newCluster(t, "10.0.0.0/24", "fd00::/112")
	with := func(ips ...string) *corev1.Service {
		return service("s", func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = ips[0], ips })
	}
	external := service("s", func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName })
	for _, c := range []struct {
		name     string
		obj, old *corev1.Service
		want     string
	}{
		{"new", with("10.0.0.1", "fd00::1"), nil, "+10.0.0.1/IPv4 +fd00::1/IPv6"},
		{"headless", with("None"), nil, ""},
		{"same", with("10.0.0.1"), with("10.0.0.1"), ""},
		{"second family comes", with("10.0.0.1", "fd00::1"), with("10.0.0.1"), "+fd00::1/IPv6"},
		{"second family goes", with("10.0.0.1"), with("10.0.0.1", "fd00::1"), "-fd00::1"},
		{"becomes external", external, with("10.0.0.1"), "-10.0.0.1"},
		{"gone", nil, with("10.0.0.1"), "-10.0.0.1"},
	} {
		var got []string
		var beside = a.Beside(c.obj, nil)
		switch {
		case c.obj == nil:
			beside = a.Beside(nil, c.old)
		case c.old != nil:
			beside = a.Beside(c.obj, c.old)
		}
		for _, b := range beside {
			if b.Create == nil {
				got = append(got, "-"+b.Name)
				continue
			}
			labels := b.Create.GetLabels()
			if labels[networkingv1.LabelManagedBy] != managedBy {
				t.Errorf("%s: labels %v", c.name, labels)
			}
			got = append(got, "+"+b.Create.GetName()+"/"+labels[networkingv1.LabelIPAddressFamily])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	mine, other := newIPAddress(netip.MustParseAddr("10.0.0.1"), with("10.0.0.1")), newIPAddress(netip.MustParseAddr("10.0.0.1"), service("t", nil))
	if is := a.Beside(nil, with("10.0.0.1"))[0].Is; !is(mine) || is(other) {
		t.Error("the IPAddress of another service would go with this one")
	}
}

// TestRandomRanges lets services and ServiceCIDRs, which overlap, come and go. No
// address is ever had twice, none is lost, none comes from a range that is not ready.
func TestRandomRanges(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ranges := []string{"10.0.1.0/29", "10.0.0.0/28", "10.0.1.0/28", "10.0.2.0/29"}
	synctest.Test(t, func(t *testing.T) {
		c, a := newCluster(t, "10.0.0.0/29")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		for n := range 2000 {
			switch r.IntN(6) {
			case 0:
				name := fmt.Sprint("c", r.IntN(len(ranges)))
				if old := c.cidrs[name]; old != nil {
					delete(c.cidrs, name)
					c.watches["servicecidrs"].Delete(old)
				} else {
					c.cidrs[name] = cidr(name, []metav1.ConditionStatus{"True", "False"}[r.IntN(2)], ranges[r.IntN(len(ranges))])
					c.watches["servicecidrs"].Add(c.cidrs[name])
				}
			case 1, 2:
				for _, s := range c.services {
					c.remove(a, s)
					break
				}
			default:
				request, done := context.WithCancel(ctx)
				s := service(fmt.Sprint("s", n), nil)
				err := admit(a, request, s, nil)
				free := c.free()
				if (err == nil) != (len(free) > 0) {
					t.Fatalf("step %d: %v, while there are %v", n, err, free)
				}
				if err == nil {
					if !slices.Contains(free, s.Spec.ClusterIP) {
						t.Fatalf("step %d: %s is not among %v", n, s.Spec.ClusterIP, free)
					}
					if err := c.store(a, s); err != nil {
						t.Fatalf("step %d: %v", n, err)
					}
				}
				done()
			}
			synctest.Wait()
		}
		stop()
		<-ended
	})
}

// free lists the addresses that may be given away.
func (c *cluster) free() (free []string) {
	ranges := []string{"10.0.0.0/29"}
	for _, o := range c.cidrs {
		if isReady(o) {
			ranges = append(ranges, o.Spec.CIDRs...)
		}
	}
	for _, text := range ranges {
		prefix := netip.MustParsePrefix(text)
		for ip := prefix.Addr().Next(); prefix.Contains(ip.Next()); ip = ip.Next() {
			if c.addresses[ip.String()] == nil {
				free = append(free, ip.String())
			}
		}
	}
	return free
}

package nodeipam

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func TestPart(t *testing.T) {
	for _, c := range []struct {
		cidr string
		bits int
		n    uint64
		want string
	}{
		{"10.42.0.0/16", 24, 0, "10.42.0.0/24"},
		{"10.42.0.0/16", 24, 255, "10.42.255.0/24"},
		{"10.42.0.0/16", 26, 5, "10.42.1.64/26"},
		{"10.0.0.0/8", 24, 300, "10.1.44.0/24"},
		{"fd00:42::/48", 64, 258, "fd00:42:0:102::/64"},
	} {
		if got := part(Range{netip.MustParsePrefix(c.cidr), c.bits}, c.n).String(); got != c.want {
			t.Errorf("part %d of %s: got %s, want %s", c.n, c.cidr, got, c.want)
		}
	}
}

func TestEachNodeItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.New().Guarded(t)
		informers := client.NewInformers(api)
		c, err := New(api, informers, []Range{{netip.MustParsePrefix("10.42.0.0/22"), 24}, {netip.MustParsePrefix("fd00:42::/48"), 64}})
		if err != nil {
			t.Fatal(err)
		}
		informers.Start(t.Context())
		go c.Run(t.Context())
		nodes := client.Of(api, client.Nodes)
		seen := map[string]bool{}
		for i := range 5 {
			nodes.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("n", i)}})
		}
		synctest.Wait()
		full := 0
		all, _, _ := nodes.List(t.Context(), "", metav1.ListOptions{})
		for _, n := range all {
			if len(n.Spec.PodCIDRs) == 0 {
				full++
			} else if len(n.Spec.PodCIDRs) != 2 || seen[n.Spec.PodCIDR] {
				t.Errorf("%s: got %v", n.Name, n.Spec.PodCIDRs)
			}
			seen[n.Spec.PodCIDR] = true
		}
		if full != 1 {
			t.Errorf("%d nodes without a range, want 1", full)
		}
	})
}

package endpointslice

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func nodeIn(zone, cpu string, ready corev1.ConditionStatus, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelTopologyZone: zone}}, Status: corev1.NodeStatus{
		Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}}}
	for _, l := range labels {
		n.Labels[l] = ""
	}
	return n
}

func TestShares(t *testing.T) {
	two := []*corev1.Node{nodeIn("a", "1", "True"), nodeIn("b", "2500m", "True"), nodeIn("a", "500m", "True")}
	for name, c := range map[string]struct {
		more []*corev1.Node
		want string
	}{
		"two zones":             {nil, "map[a:0.375 b:0.625]"},
		"not ready":             {[]*corev1.Node{nodeIn("b", "4", "False"), nodeIn("", "4", "Unknown")}, "map[a:0.375 b:0.625]"},
		"of the control plane":  {[]*corev1.Node{nodeIn("c", "4", "True", "node-role.kubernetes.io/control-plane"), nodeIn("", "4", "True", "node-role.kubernetes.io/master")}, "map[a:0.375 b:0.625]"},
		"one without a zone":    {[]*corev1.Node{nodeIn("", "4", "True")}, "map[]"},
		"one without CPUs":      {[]*corev1.Node{nodeIn("b", "0", "True")}, "map[]"},
		"another one of a zone": {[]*corev1.Node{nodeIn("c", "4", "True")}, "map[a:0.1875 b:0.3125 c:0.5]"},
	} {
		if got := fmt.Sprint(sharesOf(append(slices.Clone(two), c.more...))); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if got := sharesOf([]*corev1.Node{nodeIn("a", "1", "True"), nodeIn("a", "1", "True")}); got != nil {
		t.Errorf("one zone: got %v", got)
	}
}

// endpointsIn makes a group with so many ready endpoints in each zone, and one that is
// not ready and has no zone.
func endpointsIn(zones map[string]int) *group {
	yes, no := true, false
	g := &group{endpoints: map[endpointKey]discoveryv1.Endpoint{}}
	add := func(e discoveryv1.Endpoint) {
		e.Addresses = []string{fmt.Sprintf("10.0.0.%03d", len(g.endpoints))}
		g.endpoints[keyOf(&e)] = e
	}
	add(discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: &no}})
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		for range zones[zone] {
			add(discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: &yes}, Zone: &zone})
		}
	}
	return g
}

// hintsOf are the zones of the hints, and how many are for each.
func hintsOf(t *testing.T, g *group) (map[endpointKey]string, map[string]int) {
	t.Helper()
	hints, count := map[endpointKey]string{}, map[string]int{}
	for key, e := range g.endpoints {
		if e.Hints == nil {
			continue
		}
		if !*e.Conditions.Ready || len(e.Hints.ForZones) != 1 {
			t.Errorf("%v: ready %v, hints %v", key, *e.Conditions.Ready, e.Hints)
		}
		hints[key] = e.Hints.ForZones[0].Name
		count[hints[key]]++
	}
	return hints, count
}

func TestAllot(t *testing.T) {
	half := map[string]float64{"a": 0.5, "b": 0.5}
	thirds := map[string]float64{"a": 1. / 3, "b": 1. / 3, "c": 1. / 3}
	for name, c := range map[string]struct {
		shares map[string]float64
		zones  map[string]int
		want   string
	}{
		"each its own":              {half, map[string]int{"a": 3, "b": 3}, "map[a:3 b:3]"},
		"one more is no matter":     {half, map[string]int{"a": 6, "b": 5}, "map[a:6 b:5]"},
		"some go to the other":      {half, map[string]int{"a": 5, "b": 1}, "map[a:3 b:3]"},
		"all are in one":            {half, map[string]int{"a": 4}, "map[a:2 b:2]"},
		"large and small":           {map[string]float64{"a": 0.75, "b": 0.25}, map[string]int{"a": 4, "b": 4}, "map[a:6 b:2]"},
		"a zone without nodes":      {half, map[string]int{"a": 2, "b": 2, "gone": 2}, "map[a:3 b:3]"},
		"fewer than zones":          {thirds, map[string]int{"a": 1, "b": 1}, "map[]"},
		"as many as zones":          {thirds, map[string]int{"a": 3}, "map[a:1 b:1 c:1]"},
		"too much for one":          {half, map[string]int{"a": 2, "b": 1}, "map[]"},
		"nodes tell not enough":     {nil, map[string]int{"a": 3, "b": 3}, "map[]"},
		"one endpoint has no zone":  {half, map[string]int{"a": 3, "b": 3, "": 1}, "map[]"},
		"nobody is ready":           {half, nil, "map[]"},
		"many, and all in one zone": {thirds, map[string]int{"a": 100}, "map[a:34 b:33 c:33]"},
	} {
		g := endpointsIn(c.zones)
		for key, e := range g.endpoints {
			if e.Zone != nil && *e.Zone == "" {
				e.Zone = nil
				g.endpoints[key] = e
			}
		}
		allot([]*group{g}, c.shares, nil)
		if _, got := hintsOf(t, g); fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
}

// TestAllotAnything: whatever there is, hints are for all ready endpoints or for none,
// no zone has less than it needs, and what is done stays.
func TestAllotAnything(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	done := 0
	for range 2000 {
		shares, zones, total := map[string]float64{}, map[string]int{}, 0.0
		for i := range 2 + r.IntN(5) {
			shares[fmt.Sprint("z", i)] = 1 + r.Float64()*float64(r.IntN(10))
		}
		for _, cpu := range shares {
			total += cpu
		}
		for zone := range shares {
			shares[zone] /= total
		}
		n := 0
		for i := range 7 {
			zones[fmt.Sprint("z", i)] = r.IntN(12)
			n += zones[fmt.Sprint("z", i)]
		}
		g, again := endpointsIn(zones), endpointsIn(zones)
		allot([]*group{g}, shares, nil)
		hints, count := hintsOf(t, g)
		least := leastOf(shares, n)
		if least == nil {
			if len(hints) > 0 {
				t.Fatalf("%v, %v: hints %v", shares, zones, count)
			}
			continue
		}
		done++
		for zone, want := range least {
			if count[zone] < want {
				t.Fatalf("%v, %v: %v, want %v at least", shares, zones, count, least)
			}
		}
		if len(hints) != n {
			t.Fatalf("%v, %v: %d hints of %d", shares, zones, len(hints), n)
		}
		for zone := range count {
			if shares[zone] == 0 {
				t.Fatalf("%v, %v: hints %v", shares, zones, count)
			}
		}
		allot([]*group{again}, shares, hints)
		if same, _ := hintsOf(t, again); !maps.Equal(same, hints) {
			t.Fatalf("%v, %v: %v, then %v", shares, zones, hints, same)
		}
	}
	if done < 100 {
		t.Errorf("only %d of 2000 had enough endpoints", done)
	}
}

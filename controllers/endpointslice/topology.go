package endpointslice

import (
	"cmp"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// overload is by how much more than its share of all traffic an endpoint may get at
// most by hints (KEP-2433).
const overload = 0.2

// byTopology tells whether the service asks for hints in proportion to the zones'
// CPUs (KEP-2433), which then go before those of its trafficDistribution.
func byTopology(service *corev1.Service) bool {
	mode, ok := service.Annotations[corev1.DeprecatedAnnotationTopologyAwareHints]
	if !ok {
		mode = service.Annotations[corev1.AnnotationTopologyMode]
	}
	return mode == "Auto" || mode == "auto"
}

func nodeReady(node *corev1.Node) bool {
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// sharesOf returns each zone's share of the CPUs of all nodes that are ready and not
// of the control plane. It returns nothing if one of them does not say where it is or
// what it has, and if all are in one zone.
func sharesOf(nodes []*corev1.Node) map[string]float64 {
	cpus, total := map[string]float64{}, 0.0
	for _, node := range nodes {
		_, control := node.Labels["node-role.kubernetes.io/control-plane"]
		_, master := node.Labels["node-role.kubernetes.io/master"]
		if control || master || !nodeReady(node) {
			continue
		}
		zone, cpu := node.Labels[corev1.LabelTopologyZone], float64(node.Status.Allocatable.Cpu().MilliValue())
		if zone == "" || cpu <= 0 {
			return nil
		}
		cpus[zone] += cpu
		total += cpu
	}
	if len(cpus) < 2 {
		return nil
	}
	for zone := range cpus {
		cpus[zone] /= total
	}
	return cpus
}

// allot gives each ready endpoint of the groups, which are of one address type, the
// zone that it is meant for, so that zones get endpoints in proportion to their shares;
// most keep to their own. Where that cannot be done without too much for some, none
// has a hint. Hints in had that are still good enough are left as they are.
func allot(groups []*group, shares map[string]float64, had map[endpointKey]string) {
	zoneOf := map[endpointKey]string{}
	for _, g := range groups {
		for key, e := range g.endpoints {
			if !*e.Conditions.Ready {
				continue
			}
			if e.Zone == nil {
				return
			}
			zoneOf[key] = *e.Zone
		}
	}
	least := leastOf(shares, len(zoneOf))
	if least == nil {
		return
	}
	hinted := zoneOf
	if good(zoneOf, least, had) {
		hinted = had
	} else {
		even(zoneOf, shares, least)
	}
	for _, g := range groups {
		for key, e := range g.endpoints {
			if *e.Conditions.Ready {
				e.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: hinted[key]}}}
				g.endpoints[key] = e
			}
		}
	}
}

// leastOf returns how many of n endpoints each zone needs so that none gets too much,
// or nothing if there are not enough.
func leastOf(shares map[string]float64, n int) map[string]int {
	if len(shares) == 0 || len(shares) > n {
		return nil
	}
	least, sum := map[string]int{}, 0
	for zone, share := range shares {
		least[zone] = int(math.Ceil(share * float64(n) / (1 + overload)))
		sum += least[zone]
	}
	if sum > n {
		return nil
	}
	return least
}

// good tells whether had has a hint for each endpoint, for zones that there are, and
// enough for each.
func good(endpoints map[endpointKey]string, least map[string]int, had map[endpointKey]string) bool {
	count := map[string]int{}
	for key := range endpoints {
		if _, ok := least[had[key]]; !ok {
			return false
		}
		count[had[key]]++
	}
	for zone, n := range least {
		if count[zone] < n {
			return false
		}
	}
	return true
}

// even moves endpoints from zones that have too many to those that have too few, so
// that in the end each has the least that it needs. It depends on nothing but what it
// is given: the same endpoints always move.
func even(zoneOf map[endpointKey]string, shares map[string]float64, least map[string]int) {
	b := balance{zoneOf: zoneOf, in: map[string][]endpointKey{}, count: map[string]int{}, spare: map[string]float64{}, zones: slices.Sorted(maps.Keys(shares))}
	for key, zone := range zoneOf {
		b.in[zone] = append(b.in[zone], key)
		b.count[zone]++
	}
	for _, keys := range b.in {
		slices.SortFunc(keys, func(a, b endpointKey) int {
			return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.uid, b.uid))
		})
	}
	for zone, share := range shares {
		b.spare[zone] = float64(b.count[zone]) - max(share*float64(len(zoneOf)), float64(least[zone]))
	}
	// First those that are where no nodes are, then as far as it comes nearer to the
	// shares, then what is still needed.
	for _, zone := range slices.Sorted(maps.Keys(b.in)) {
		for _, ok := shares[zone]; !ok && len(b.in[zone]) > 0; {
			b.move(zone, b.poorest())
		}
	}
	for {
		richest, poorest := b.richest(nil), b.poorest()
		give, need := b.spare[richest], -b.spare[poorest]
		if give < 0.5 || need < 0.5 || give < 1 && need < 1 {
			break
		}
		b.move(richest, poorest)
	}
	for _, zone := range b.zones {
		for b.count[zone] < least[zone] {
			b.move(b.richest(func(z string) bool { return b.count[z] > least[z] }), zone)
		}
	}
}

// balance is how many endpoints zones have, and more than wanted.
type balance struct {
	zoneOf map[endpointKey]string
	// in are the endpoints of each zone; those that were moved to it come last.
	in    map[string][]endpointKey
	count map[string]int
	spare map[string]float64
	zones []string // those with nodes
}

func (b *balance) move(from, to string) {
	key := b.in[from][0]
	b.zoneOf[key] = to
	b.in[from], b.in[to] = b.in[from][1:], append(b.in[to], key)
	b.count[from]--
	b.count[to]++
	b.spare[from]--
	b.spare[to]++
}

func (b *balance) poorest() string {
	return slices.MinFunc(b.zones, func(x, y string) int { return cmp.Compare(b.spare[x], b.spare[y]) })
}

func (b *balance) richest(of func(zone string) bool) string {
	zones := b.zones
	if of != nil {
		zones = slices.DeleteFunc(slices.Clone(zones), func(z string) bool { return !of(z) })
	}
	return slices.MaxFunc(zones, func(x, y string) int { return cmp.Compare(b.spare[x], b.spare[y]) })
}

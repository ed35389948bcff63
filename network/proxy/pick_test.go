package proxy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/network/nft"
)

func families(testing.TB) []nft.Family { return nft.Families }

func get(addr string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestReslotKeepsWhatItCan(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	some := func() (all []netip.AddrPort) {
		for i := range 12 {
			if r.IntN(2) == 0 {
				all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80))
			}
		}
		return all
	}
	var have []netip.AddrPort
	for range 2000 {
		wanted := some()
		next, gone := reslot(have, wanted)
		sorted := slices.SortedFunc(slices.Values(next), netip.AddrPort.Compare)
		if !slices.Equal(sorted, wanted) {
			t.Fatalf("from %v to %v gave %v", have, wanted, next)
		}
		moved := 0
		for i := range min(len(have), len(next)) {
			if have[i] != next[i] {
				moved++
			}
		}
		if moved > len(gone) {
			t.Fatalf("from %v to %v changed %d slots for %d gone", have, next, moved, len(gone))
		}
		have = next
	}
}

func TestChoose(t *testing.T) {
	at := place{node: "n1", zone: "z1"}
	ep := func(last byte, change func(*endpoint)) endpoint {
		e := endpoint{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, last}), 80), node: fmt.Sprint("n", last), ready: true, serving: true}
		if change != nil {
			change(&e)
		}
		return e
	}
	draining := func(e *endpoint) { e.ready, e.terminating = false, true }
	zone := func(z string) func(*endpoint) { return func(e *endpoint) { e.forZones = []string{z} } }
	for _, c := range []struct {
		name           string
		all            []endpoint
		cluster, local string
	}{
		{"ready ones", []endpoint{ep(1, nil), ep(2, nil), ep(3, draining)}, "[10.0.0.1:80 10.0.0.2:80]", "[10.0.0.1:80]"},
		{"none ready", []endpoint{ep(1, draining), ep(2, draining)}, "[10.0.0.1:80 10.0.0.2:80]", "[10.0.0.1:80]"},
		{"local drains while others are ready", []endpoint{ep(1, draining), ep(2, nil)}, "[10.0.0.2:80]", "[10.0.0.1:80]"},
		{"hints for our zone", []endpoint{ep(2, zone("z1")), ep(3, zone("z2"))}, "[10.0.0.2:80]", "[]"},
		{"a hint is missing", []endpoint{ep(2, zone("z1")), ep(3, nil)}, "[10.0.0.2:80 10.0.0.3:80]", "[]"},
		{"no hint for our zone", []endpoint{ep(2, zone("z3")), ep(3, zone("z2"))}, "[10.0.0.2:80 10.0.0.3:80]", "[]"},
	} {
		got := choose(c.all, at)
		if fmt.Sprint(got.cluster) != c.cluster || fmt.Sprint(got.local) != c.local {
			t.Errorf("%s: %v, %v; want %s, %s", c.name, got.cluster, got.local, c.cluster, c.local)
		}
	}
}

func TestNotReadyAndUnknownConditions(t *testing.T) {
	s := slice("s", discoveryv1.AddressTypeIPv4)
	s.Endpoints = []discoveryv1.Endpoint{
		{Addresses: []string{"10.0.0.1"}},
		{Addresses: []string{"10.0.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr(false)}},
		{Addresses: []string{"127.0.0.1"}},
	}
	sp := corev1.ServicePort{Name: "t", Protocol: corev1.ProtocolTCP}
	got := choose(endpoints(nft.IPv4, sp, []*discoveryv1.EndpointSlice{s}), place{})
	if fmt.Sprint(got.cluster) != "[10.0.0.1:8080]" {
		t.Errorf("got %v", got.cluster)
	}
}

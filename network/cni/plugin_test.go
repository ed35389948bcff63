package cni

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"minke/network/netnstest"
)

// node is a plugin in a namespace of its own.
type node struct {
	*netnstest.NS
	*Plugin
	t     *testing.T
	state string
}

func newNode(t *testing.T, subnets ...string) *node {
	n := &node{NS: netnstest.New(t), t: t, state: t.TempDir()}
	n.start(subnets...)
	return n
}

func (n *node) start(subnets ...string) {
	n.t.Helper()
	cfg := Config{StateDir: n.state, ClusterCIDRs: prefixes("10.244.0.0/16", "fd00:244::/48"), Subnets: prefixes(subnets...)}
	n.Try(func() (err error) { n.Plugin, err = New(cfg); return err })
	n.t.Cleanup(n.Plugin.Close)
}

func prefixes(s ...string) (p []netip.Prefix) {
	for _, s := range s {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func (n *node) pod(id string, ports ...HostPort) (*netnstest.NS, []netip.Addr) {
	n.t.Helper()
	ns := netnstest.New(n.t)
	addrs, err := n.Setup(context.Background(), Attachment{SandboxID: id, NetNS: ns.Path(), PodNamespace: "default", PodName: id, HostPorts: ports})
	if err != nil {
		n.t.Fatal(err)
	}
	return ns, addrs
}

func expect(t *testing.T, ns *netnstest.NS, network, addr, want string) {
	t.Helper()
	if got, err := ns.Ask(network, addr); err != nil || got != want {
		t.Errorf("%s %s answered %q, %v; want %q", network, addr, got, err, want)
	}
}

func TestPodsReachOneAnotherAndTheWorld(t *testing.T) {
	n := newNode(t, "10.244.1.0/24", "fd00:244:0:1::/64")
	world := netnstest.New(t)
	netnstest.Cable(t, n.NS, "up0", "192.0.2.1/24", world, "eth0", "192.0.2.2/24")
	n.Address("up0", "2001:db8::1/64")
	world.Address("eth0", "2001:db8::2/64")
	world.Serve("192.0.2.2:80", "world")
	world.Serve("[2001:db8::2]:80", "world")

	a, aAddrs := n.pod("a")
	b, bAddrs := n.pod("b")
	for i, addr := range bAddrs {
		hp := netip.AddrPortFrom(addr, 80).String()
		b.Serve(hp, "b")
		expect(t, a, "tcp", hp, "b "+aAddrs[i].String())
		expect(t, a, "udp", hp, "b "+aAddrs[i].String())
		expect(t, b, "tcp", hp, "b "+addr.String())
	}
	expect(t, a, "tcp", "192.0.2.2:80", "world 192.0.2.1")
	expect(t, a, "udp", "[2001:db8::2]:80", "world 2001:db8::1")
	expect(t, n.NS, "tcp", netip.AddrPortFrom(bAddrs[0], 80).String(), "b 10.244.1.1")
}

func TestHostPorts(t *testing.T) {
	n := newNode(t, "10.244.1.0/24", "fd00:244:0:1::/64")
	world := netnstest.New(t)
	netnstest.Cable(t, n.NS, "up0", "192.0.2.1/24", world, "eth0", "192.0.2.2/24")
	n.Address("up0", "192.0.2.3/24")
	a, addrs := n.pod("a",
		HostPort{HostPort: 8080, ContainerPort: 80},
		HostPort{HostPort: 53, ContainerPort: 80, Protocol: "UDP"},
		HostPort{HostIP: netip.MustParseAddr("192.0.2.3"), HostPort: 81, ContainerPort: 80, Protocol: "TCP"})
	a.Serve(fmt.Sprintf("%s:80", addrs[0]), "a")
	b, _ := n.pod("b")
	expect(t, world, "tcp", "192.0.2.1:8080", "a 192.0.2.2")
	expect(t, world, "udp", "192.0.2.1:53", "a 192.0.2.2")
	expect(t, world, "tcp", "192.0.2.3:81", "a 192.0.2.2")
	expect(t, b, "tcp", "192.0.2.1:8080", "a 10.244.1.3")
	expect(t, a, "tcp", "192.0.2.1:8080", "a 10.244.1.1")
	expect(t, n.NS, "tcp", "192.0.2.1:8080", "a 192.0.2.1")
	if got, err := world.Ask("tcp", "192.0.2.1:81"); err == nil {
		t.Errorf("a port of one address answered on another: %q", got)
	}
	if got, err := n.Ask("tcp", "127.0.0.1:8080"); err == nil {
		t.Errorf("the loopback address led to a pod: %q", got)
	}

	ns := netnstest.New(t)
	_, err := n.Setup(context.Background(), Attachment{SandboxID: "c", NetNS: ns.Path(), HostPorts: []HostPort{{HostPort: 8080, ContainerPort: 1}}})
	if err == nil || !strings.Contains(err.Error(), "default/a has it") {
		t.Errorf("a host port in use was given away: %v", err)
	}
	n.Plugin.Close()
	n.start("10.244.1.0/24", "fd00:244:0:1::/64")
	expect(t, world, "udp", "192.0.2.1:53", "a 192.0.2.2")
	if err := n.Teardown(context.Background(), Attachment{SandboxID: "a"}); err != nil {
		t.Fatal(err)
	}
	if got, err := world.Ask("tcp", "192.0.2.1:8080"); err == nil {
		t.Errorf("a closed host port answered %q", got)
	}
}

func TestReservationsOutliveTheProcess(t *testing.T) {
	n := newNode(t, "10.244.1.0/29")
	ns, first := n.pod("a")
	again, err := n.Setup(context.Background(), Attachment{SandboxID: "a", NetNS: ns.Path()})
	if err != nil || !slices.Equal(first, again) {
		t.Fatalf("setting up again gave %v, %v; want %v", again, err, first)
	}
	n.pod("b")
	if err := n.Teardown(context.Background(), Attachment{SandboxID: "a"}); err != nil {
		t.Fatal(err)
	}
	n.Plugin.Close()
	n.start("10.244.1.0/29")
	if _, got := n.pod("c"); got[0].String() != "10.244.1.4" {
		t.Errorf("after a restart got %v, want the next address", got)
	}
	if err := n.Reconcile([]string{"c"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.244.1.5", "10.244.1.6", "10.244.1.2", "10.244.1.3"} {
		if _, got := n.pod("d" + want); got[0].String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	_, err = n.Setup(context.Background(), Attachment{SandboxID: "e", NetNS: ns.Path()})
	if err == nil || !strings.Contains(err.Error(), "all of 10.244.1.0/29 are in use") {
		t.Errorf("a full network gave %v", err)
	}
}

func TestBadSandboxIDs(t *testing.T) {
	for _, id := range []string{"", "../x", ".last", "a/b"} {
		if checkID(id) == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestNotReadyWithoutSubnet(t *testing.T) {
	n := newNode(t)
	if err := n.Ready(); err == nil {
		t.Error("ready without a pod network")
	}
	n.Try(func() error { return n.SetSubnets(prefixes("10.244.9.0/24")) })
	if err := n.Ready(); err != nil {
		t.Error(err)
	}
}

func BenchmarkSetup(b *testing.B) {
	node := netnstest.New(b)
	var p *Plugin
	node.Try(func() (err error) {
		p, err = New(Config{StateDir: b.TempDir(), Subnets: prefixes("10.244.0.0/16")})
		return err
	})
	defer p.Close()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		ns := netnstest.New(b)
		b.StartTimer()
		id := fmt.Sprint("s", i)
		if _, err := p.Setup(context.Background(), Attachment{SandboxID: id, NetNS: ns.Path()}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := p.Teardown(context.Background(), Attachment{SandboxID: id}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func TestMTULeavesRoomForTheTunnel(t *testing.T) {
	n := newNode(t, "10.244.1.0/24")
	if got := n.Plugin.cfg.MTU; got != 1450 {
		t.Errorf("without a default route: MTU %d", got)
	}
	n = &node{NS: netnstest.New(t), t: t, state: t.TempDir()}
	netnstest.Cable(t, n.NS, "up0", "192.0.2.1/24", netnstest.New(t), "eth0", "192.0.2.2/24")
	n.Try(func() error {
		l, err := netlink.LinkByName("up0")
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(l, 9000)
	})
	n.Route("0.0.0.0/0", "192.0.2.2")
	n.start("10.244.1.0/24")
	if got := n.Plugin.cfg.MTU; got != 8950 {
		t.Errorf("with a default route of 9000: MTU %d", got)
	}
}

func TestLoopbackHostPort(t *testing.T) {
	n := newNode(t, "10.244.1.0/24")
	n.Address("lo", "192.0.2.1/32")
	a, addrs := n.pod("a", HostPort{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8080, ContainerPort: 80})
	a.Serve(fmt.Sprintf("%s:80", addrs[0]), "a")
	b, addrs := n.pod("b", HostPort{HostIP: netip.MustParseAddr("192.0.2.1"), HostPort: 8080, ContainerPort: 80})
	b.Serve(fmt.Sprintf("%s:80", addrs[0]), "b")
	expect(t, n.NS, "tcp", "127.0.0.1:8080", "a 10.244.1.1")
	expect(t, n.NS, "tcp", "192.0.2.1:8080", "b 192.0.2.1")
	n.Plugin.Close()
	n.start("10.244.1.0/24")
	expect(t, n.NS, "tcp", "127.0.0.1:8080", "a 10.244.1.1")
	if err := n.Teardown(context.Background(), Attachment{SandboxID: "a"}); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Ask("tcp", "127.0.0.1:8080"); err == nil {
		t.Errorf("a closed port answered %q", got)
	}
}

package cluster

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"minke/client"
	"minke/network/cni"
	"minke/network/overlay"
	"minke/network/policy"
	"minke/network/proxy"
	"minke/runtime"
)

// podNetwork shows the node's network to the runtime in the runtime's terms.
type podNetwork struct{ plugin *cni.Plugin }

var _ runtime.Network = podNetwork{}

func (n podNetwork) Setup(ctx context.Context, p runtime.PodNetwork) ([]netip.Addr, error) {
	a, err := attachment(p)
	if err != nil {
		return nil, err
	}
	return n.plugin.Setup(ctx, a)
}

func (n podNetwork) Teardown(ctx context.Context, p runtime.PodNetwork) error {
	a, err := attachment(p)
	if err != nil {
		return err
	}
	return n.plugin.Teardown(ctx, a)
}

func (n podNetwork) Ready() error { return n.plugin.Ready() }

func attachment(p runtime.PodNetwork) (cni.Attachment, error) {
	a := cni.Attachment{SandboxID: p.SandboxID, NetNS: p.NetNS, PodNamespace: p.Namespace, PodName: p.Name, PodUID: p.UID}
	for _, m := range p.Ports {
		if m.HostPort == 0 {
			continue
		}
		port := cni.HostPort{HostPort: uint16(m.HostPort), ContainerPort: uint16(m.ContainerPort), Protocol: m.Protocol}
		if m.HostIP != "" {
			ip, err := netip.ParseAddr(m.HostIP)
			if err != nil {
				return a, fmt.Errorf("host port %d: host IP %q: %w", m.HostPort, m.HostIP, err)
			}
			port.HostIP = ip
		}
		a.HostPorts = append(a.HostPorts, port)
	}
	return a, nil
}

// followPodNet gives the node's network its addresses as soon as the node is
// told them (spec.podCIDRs), and lets the kubelet know.
func (a *Agent) followPodNet() {
	seen := func(n *corev1.Node) {
		if n.Name != a.cfg.Node || len(n.Spec.PodCIDRs) == 0 {
			return
		}
		var subnets []netip.Prefix
		for _, cidr := range n.Spec.PodCIDRs {
			p, err := netip.ParsePrefix(cidr)
			if err != nil {
				a.log.Error("node's pod network", "cidr", cidr, "cause", err)
				return
			}
			subnets = append(subnets, p)
		}
		if err := a.pods.SetSubnets(subnets); err != nil {
			a.log.Error("set up pod network", "subnets", subnets, "cause", err)
		}
		a.kubelet.Wake()
	}
	client.InformerOf(a.informers, client.Nodes, client.WithFields("metadata.name="+a.cfg.Node)).Handle(client.Handler[*corev1.Node]{
		Add: seen,
		Update: func(old, n *corev1.Node) {
			if fmt.Sprint(old.Spec.PodCIDRs) != fmt.Sprint(n.Spec.PodCIDRs) {
				seen(n)
			}
		},
	})
}

// tellReady reports when the node is Ready and cluster DNS answers.
func (a *Agent) tellReady(ctx context.Context, tell func(string)) {
	told := false
	seen := func(n *corev1.Node) {
		if told || !isReady(n) {
			return
		}
		told = true
		tell("node is Ready")
		// The handler must not wait; the wait ends with ctx.
		go func() {
			if err := a.dns.await(ctx); err != nil {
				a.log.Error("cluster DNS does not answer", "cause", err)
				return
			}
			select {
			case <-a.imported:
				tell("ready")
			case <-ctx.Done():
			}
		}()
	}
	client.InformerOf(a.informers, client.Nodes, client.WithFields("metadata.name="+a.cfg.Node)).Handle(client.Handler[*corev1.Node]{
		Add:    seen,
		Update: func(_, n *corev1.Node) { seen(n) },
	})
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// assembleNetwork makes what connects this node's pods to Services and nodes.
func (a *Agent) assembleNetwork() error {
	var err error
	a.proxy, err = proxy.New(proxy.Config{
		NodeName: a.cfg.Node, ClusterCIDRs: []netip.Prefix{a.cfg.PodNet}, Local: []netip.Addr{a.cfg.DNS},
		HealthzPort: proxyHealthzPort,
	}, a.services)
	if err != nil {
		return err
	}
	a.overlay, err = overlay.New(overlay.Config{NodeName: a.cfg.Node, NodeIP: a.cfg.Address}, a.services)
	if err != nil {
		return err
	}
	a.policy, err = policy.New(policy.Config{NodeName: a.cfg.Node, Infrastructure: []netip.Addr{a.cfg.DNS}}, a.services)
	if err != nil {
		return err
	}
	a.dns, err = newNodeDNS(a.cfg.DNS, a.cfg.Domain, a.services)
	return err
}

// runNetwork runs it until ctx ends.
func (a *Agent) runNetwork(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.proxy.Run(ctx) })
	group.Go(func() error { return a.overlay.Run(ctx) })
	group.Go(func() error { return a.policy.Run(ctx) })
	group.Go(func() error { return a.dns.server.Run(ctx) })
	return group.Wait()
}

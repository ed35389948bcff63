package cni

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"minke/network/conntrack"
	"minke/network/nft"
)

// portConflict tells who has one of the ports already. p.mu is held.
func (p *Plugin) portConflict(a Attachment) error {
	for _, r := range p.records {
		for _, theirs := range r.HostPorts {
			if r.Sandbox != a.SandboxID && slices.ContainsFunc(a.HostPorts, theirs.same) {
				return fmt.Errorf("open host port %s: pod %s has it", theirs, r.Pod)
			}
		}
	}
	return nil
}

// same tells whether both are the same port of the same addresses.
func (h HostPort) same(o HostPort) bool {
	everywhere := func(h HostPort) bool { return !h.HostIP.IsValid() || h.HostIP.IsUnspecified() }
	return h.HostPort == o.HostPort && h.proto() == o.proto() &&
		(h.HostIP == o.HostIP || everywhere(h) && everywhere(o))
}

func (h HostPort) proto() string { return orElse(strings.ToUpper(h.Protocol), "TCP") }

// String names the port as people write it.
func (h HostPort) String() string { return fmt.Sprintf("%d/%s", h.HostPort, h.proto()) }

// openPorts makes the sandbox's host ports lead to it.
func (p *Plugin) openPorts(r record) error {
	if len(r.HostPorts) == 0 {
		return nil
	}
	err := p.rules.Apply(func(tx nft.Tx) error { return p.nat.ports(r, tx.Add) })
	if err != nil {
		return fmt.Errorf("open host ports %v: %w", r.HostPorts, err)
	}
	return p.local.start(r)
}

// closePorts is done when they do not lead to the sandbox any more, for
// connections that exist too.
func (p *Plugin) closePorts(r record) error {
	if len(r.HostPorts) == 0 {
		return nil
	}
	p.local.stop(r.Sandbox)
	if err := p.rules.Apply(func(tx nft.Tx) error { return p.nat.ports(r, tx.Delete) }); err != nil {
		// Some were never opened: write the table without this sandbox.
		if err := p.rewriteWithout(r.Sandbox); err != nil {
			return fmt.Errorf("close host ports %v: %w", r.HostPorts, err)
		}
	}
	var errs error
	for _, f := range nft.Families {
		_, err := conntrack.Forget(p.links, f, func(c conntrack.Flow) bool {
			return c.Proto != unix.IPPROTO_TCP && c.Dst != c.Answers && slices.Contains(r.Addresses, c.Answers.Addr())
		})
		errs = errors.Join(errs, err)
	}
	return errs
}

func (p *Plugin) rewriteWithout(sandbox string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := map[string]record{}
	for id, r := range p.records {
		if id != sandbox {
			rest[id] = r
		}
	}
	return p.rules.Apply(func(tx nft.Tx) error {
		return p.nat.write(tx, p.ipam.subnets, p.clusterCIDRs(), rest)
	})
}

func (p *Plugin) clusterCIDRs() []netip.Prefix {
	return append(slices.Clone(p.cfg.ClusterCIDRs), p.ipam.subnets...)
}

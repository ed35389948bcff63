package overlay

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"

	"minke/client"
)

// step brings the kernel to what the nodes are now: for the nodes that changed
// or, as a whole, for all, taking away what an earlier process left over.
func (o *Overlay) step(whole bool) error {
	dirty := o.take()
	if dirty[o.cfg.NodeName] {
		whole = true
	}
	if whole {
		return o.whole()
	}
	var errs error
	for name := range dirty {
		if err := o.node(name); err != nil {
			errs = errors.Join(errs, fmt.Errorf("reach node %s: %w", name, err))
		}
	}
	return errs
}

// node handles the difference of one node.
func (o *Overlay) node(name string) error {
	if name == o.cfg.NodeName {
		return nil
	}
	was, had := o.peers[name]
	n, exists := o.nodes.Get("", name)
	var now peer
	has := false
	if exists {
		now, has = peerOf(n, o.cfg.NodeIP)
	}
	if had && has && was.equal(now) {
		return nil
	}
	if had {
		if err := o.leave(was, now); err != nil {
			return err
		}
		delete(o.peers, name)
	}
	if !has {
		return nil
	}
	if err := o.reach(now); err != nil {
		return err
	}
	o.peers[name] = now
	o.log.Debug("reach pods of a node", "node", name, "ip", now.ip, "subnets", now.subnets)
	return nil
}

// whole makes the device, reaches every node and removes the routes and
// tunnel entries that no node stands behind.
func (o *Overlay) whole() error {
	self, exists := o.nodes.Get("", o.cfg.NodeName)
	if !exists || len(subnetsOf(self)) == 0 {
		o.link = nil
		return nil // not registered yet; its coming will wake us
	}
	var err error
	if o.link, err = o.device(subnetsOf(self)); err != nil {
		return fmt.Errorf("make %s: %w", o.cfg.Device, err)
	}
	o.peers = map[string]peer{}
	var errs error
	for _, n := range o.nodes.List("", nil) {
		if n.Name == o.cfg.NodeName {
			continue
		}
		p, ok := peerOf(n, o.cfg.NodeIP)
		if !ok {
			continue
		}
		if err := o.reach(p); err != nil {
			errs = errors.Join(errs, fmt.Errorf("reach node %s: %w", n.Name, err))
			continue
		}
		o.peers[client.KeyOf(n).Name] = p
	}
	return errors.Join(errs, o.prune())
}

// prune removes what is ours in the kernel and belongs to no peer.
func (o *Overlay) prune() error {
	routes, err := ourRoutes(o.kernel)
	if err != nil {
		return err
	}
	wanted := map[netip.Prefix]bool{}
	for _, p := range o.peers {
		for _, s := range p.subnets {
			wanted[s] = true
		}
	}
	var errs error
	for _, r := range routes {
		if s, ok := prefixOf(r.Dst); ok && wanted[s] && r.LinkIndex == o.link.Attrs().Index {
			continue
		}
		if err := o.kernel.RouteDel(&r); err != nil && !gone(err) {
			errs = errors.Join(errs, fmt.Errorf("remove route %s: %w", r.Dst, err))
		}
	}
	if o.cfg.Backend == VXLAN {
		errs = errors.Join(errs, o.pruneTunnel())
	}
	return errs
}

// gone tells that what should be removed is not there.
func gone(err error) bool {
	var noLink netlink.LinkNotFoundError
	return errors.As(err, &noLink) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.ENODEV)
}

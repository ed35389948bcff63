package proxy

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"minke/client"
	"minke/network/conntrack"
	"minke/network/nft"
)

// rebuild replaces all rules by what is wanted now, in one transaction.
func (p *Proxy) rebuild() error {
	p.take()
	all := map[client.Key]bool{}
	for _, s := range p.services.List("", nil) {
		all[client.KeyOf(s)] = true
	}
	return p.apply(all, (*table).create)
}

// update applies what changed since the last time.
func (p *Proxy) update() error {
	dirty := p.take()
	if len(dirty) == 0 {
		return nil
	}
	return p.apply(dirty, func(*table, nft.Tx) error { return nil })
}

func (p *Proxy) apply(dirty map[client.Key]bool, prepare func(*table, nft.Tx) error) error {
	at := p.here()
	var changes []*change
	err := p.rules.Apply(func(tx nft.Tx) error {
		for _, t := range p.tables {
			if err := prepare(t, tx); err != nil {
				return err
			}
			c := t.change(tx)
			changes = append(changes, c)
			for k := range dirty {
				s, _ := p.services.Get(k.Namespace, k.Name)
				if err := c.service(k, wanted(p.cfg, t.Family, s, p.slicesOf(k), at)); err != nil {
					return err
				}
			}
			if err := c.finish(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("apply %d Services: %w", len(dirty), err)
	}
	p.after(changes)
	for k := range dirty {
		s, _ := p.services.Get(k.Namespace, k.Name)
		p.health.update(k, s, p.slicesOf(k), at)
	}
	return nil
}

// after does what can only follow the transaction. Its failure is told and not
// repeated: clients that still go to an endpoint that is gone time out.
func (p *Proxy) after(changes []*change) {
	var errs error
	for _, c := range changes {
		for _, f := range c.forgets {
			if err := f.pick.forget(p.rules, f.gone); err != nil && !notFound(err) {
				errs = errors.Join(errs, fmt.Errorf("forget clients' endpoints: %w", err))
			}
		}
		if len(c.stale) > 0 {
			_, err := conntrack.Forget(p.flows, c.t.Family, func(f conntrack.Flow) bool { return anyStale(c.stale, f) })
			errs = errors.Join(errs, err)
		}
		for _, k := range c.retry {
			p.touch(k)
		}
	}
	if errs != nil {
		p.log.Error("some connections still lead to endpoints that are gone", "err", errs)
	}
}

// stale are connections without end (UDP) that lead where they should not.
type stale struct {
	fronts map[front]entrance
	// gone are endpoints they must not lead to; unserved tells that the port
	// had none until now, so that connections to it lead nowhere.
	gone     map[netip.AddrPort]bool
	unserved bool
}

func (c *change) noteStale(old, want *port, gone []netip.AddrPort) {
	unserved := len(old.cluster)+len(old.local) == 0 && len(want.cluster)+len(want.local) > 0
	if len(gone) == 0 && !unserved {
		return
	}
	s := stale{fronts: map[front]entrance{}, gone: map[netip.AddrPort]bool{}, unserved: unserved}
	for _, p := range []*port{old, want} {
		for f, e := range p.fronts {
			if f.proto == unix.IPPROTO_UDP {
				s.fronts[f] = e
			}
		}
	}
	if len(s.fronts) == 0 {
		return
	}
	for _, a := range gone {
		s.gone[a] = true
	}
	c.stale = append(c.stale, s)
}

func anyStale(all []stale, f conntrack.Flow) bool {
	if f.Proto != unix.IPPROTO_UDP {
		return false
	}
	for _, s := range all {
		_, byAddress := s.fronts[front{f.Dst.Addr(), f.Proto, f.Dst.Port()}]
		_, byPort := s.fronts[front{proto: f.Proto, port: f.Dst.Port()}]
		if (byAddress || byPort) && (s.gone[f.Answers] || s.unserved && f.Answers == f.Dst) {
			return true
		}
	}
	return false
}

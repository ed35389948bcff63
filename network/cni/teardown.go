package cni

import (
	"context"
	"errors"
	"fmt"
)

// Teardown disconnects the sandbox and frees its addresses. It needs only the
// attachment's SandboxID and does nothing for one that is not connected.
func (p *Plugin) Teardown(ctx context.Context, a Attachment) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkID(a.SandboxID); err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	if err := p.teardown(a.SandboxID); err != nil {
		return fmt.Errorf("disconnect sandbox %s: %w", a.SandboxID, err)
	}
	return nil
}

// teardown frees the addresses last: until the pair is gone they are in use.
func (p *Plugin) teardown(sandbox string) error {
	p.mu.Lock()
	r, ok := p.records[sandbox]
	p.mu.Unlock()
	if ok {
		if err := p.closePorts(r); err != nil {
			return err
		}
	}
	if err := p.deleteLink(hostInterface(sandbox)); err != nil {
		return fmt.Errorf("delete veth pair: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.release(sandbox)
}

// Reconcile frees what sandboxes hold that are not among the live ones. Call
// it at start, before sandboxes are made.
func (p *Plugin) Reconcile(live []string) error {
	alive := map[string]bool{}
	for _, id := range live {
		alive[id] = true
	}
	p.mu.Lock()
	var dead []string
	for id := range p.records {
		if !alive[id] {
			dead = append(dead, id)
		}
	}
	p.mu.Unlock()
	var errs error
	for _, id := range dead {
		p.log.Info("freeing the addresses of a sandbox that is gone", "sandbox", id)
		if err := p.teardown(id); err != nil {
			errs = errors.Join(errs, fmt.Errorf("free sandbox %s: %w", id, err))
		}
	}
	return errs
}

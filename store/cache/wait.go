package cache

import (
	"context"
	"fmt"

	"minke/store"
)

// waiter wants the cache to be complete for revision.
type waiter struct {
	revision store.Revision
	ready    chan error // capacity 1
}

// Tracked is what the watcher of an in-process engine also offers, so that the
// cache knows without asking that it is current.
type Tracked interface {
	// Position returns the revision of the last batch queued for the watcher,
	// and the store's revision: every event of interest up to current is in a
	// batch no later than queued. Queued is zero before the first batch.
	Position() (queued, current store.Revision)
}

// Progresser is what the watcher of a remote store may offer: a progress mark
// on demand.
type Progresser interface {
	RequestProgress(ctx context.Context) error
}

// current returns when the cache has every write that was acknowledged before
// the call.
func (c *Cache) current(ctx context.Context) error {
	source, err := c.ready(ctx)
	if err != nil {
		return err
	}
	if t, ok := source.(Tracked); ok {
		queued, current := t.Position()
		return c.reach(ctx, queued, current)
	}
	_, rev, err := c.store.Get(ctx, c.prefix)
	if err != nil {
		return fmt.Errorf("read revision of %s: %w", c.prefix, err)
	}
	return c.progress(ctx, source, rev)
}

// reach waits until the batch of revision queued is applied. The cache is then
// complete for current.
func (c *Cache) reach(ctx context.Context, queued, current store.Revision) error {
	c.mu.Lock()
	if c.revision >= queued {
		c.advance(current)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	if err := c.wait(ctx, queued); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(current)
	return nil
}

// progress asks the store for a mark and waits until the cache is complete for
// rev.
func (c *Cache) progress(ctx context.Context, source store.Watcher, rev store.Revision) error {
	if c.Revision() >= rev {
		return nil
	}
	if p, ok := source.(Progresser); ok {
		if err := p.RequestProgress(ctx); err != nil {
			return fmt.Errorf("request progress of %s: %w", c.prefix, err)
		}
	}
	return c.wait(ctx, rev)
}

// WaitFor returns when the cache is complete for rev. It fails with
// store.ErrFutureRevision when the store itself has not come so far.
func (c *Cache) WaitFor(ctx context.Context, rev store.Revision) error {
	if _, err := c.ready(ctx); err != nil {
		return err
	}
	if c.Revision() >= rev {
		return nil
	}
	if err := c.current(ctx); err != nil {
		return err
	}
	if c.Revision() < rev {
		return store.ErrFutureRevision
	}
	return nil
}

// wait blocks until revision is reached, by whatever comes from the store.
func (c *Cache) wait(ctx context.Context, rev store.Revision) error {
	c.mu.Lock()
	if c.revision >= rev || c.err != nil {
		err := c.err
		c.mu.Unlock()
		return err
	}
	w := waiter{revision: rev, ready: make(chan error, 1)}
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.waiters {
			if c.waiters[i].ready == w.ready {
				c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
				break
			}
		}
		return ctx.Err()
	}
}

// advance makes known that the cache is complete for rev and wakes those who
// wait; c.mu must be held.
func (c *Cache) advance(rev store.Revision) {
	if rev <= c.revision {
		return
	}
	c.revision = rev
	c.wake(nil, func(w waiter) bool { return w.revision <= rev })
}

func (c *Cache) wake(err error, ready func(waiter) bool) {
	kept := c.waiters[:0]
	for _, w := range c.waiters {
		if ready(w) {
			w.ready <- err
		} else {
			kept = append(kept, w)
		}
	}
	clear(c.waiters[len(kept):])
	c.waiters = kept
}

package cache

import "context"

// What is held here has every write that this cache made, since a write waits
// until it is seen here. From an engine in this process it is the latest state;
// a remote one is not asked, so that reading costs nothing and the engine's
// absence does not matter, and what others have just written may be missing.

// Held returns all objects as they are here.
func (c *Cache) Held(ctx context.Context) (*Snapshot, error) {
	if err := c.lockLoaded(func() error { return c.here(ctx) }); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if err := c.broken.any(); err != nil {
		return nil, err
	}
	return c.snapshot(), nil
}

// HeldItem returns the object of key as it is here.
func (c *Cache) HeldItem(ctx context.Context, key string) (*Item, bool, error) {
	return c.get(key, func() error { return c.here(ctx) })
}

// here returns when the objects are loaded, and from an engine in this process
// when they are current.
func (c *Cache) here(ctx context.Context) error {
	source, err := c.ready(ctx)
	if t, ok := source.(Tracked); ok && err == nil {
		queued, current := t.Position()
		return c.reach(ctx, queued, current)
	}
	return err
}

// Changes returns a number that is another one whenever what is held has
// changed: what was made of Held after Changes returned it is up to date while
// it stays. It is zero until the first use, and costs one atomic load.
func (c *Cache) Changes() uint64 { return c.changes.Load() }

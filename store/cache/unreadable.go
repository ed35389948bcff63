package cache

import (
	"context"
	"errors"
	"fmt"

	"minke/store"
)

// ErrReadable tells that what should be deleted because it cannot be read can be.
var ErrReadable = errors.New("the object can be read")

// DeleteUnreadable removes what is stored at key, given that it cannot be opened or
// decoded (KEP-3926); with dryRun it only finds out. It tells whether there was
// something, and fails with ErrReadable, and with what may pass by itself.
func (c *Cache) DeleteUnreadable(ctx context.Context, key string, dryRun bool) (bool, error) {
	if _, err := c.ready(ctx); err != nil {
		return false, err
	}
	entry, _, err := c.store.Get(ctx, key)
	if err != nil || entry == nil {
		return false, err
	}
	value, err := c.open(key, entry.Value)
	if err := passing(err); err != nil {
		return true, err
	}
	if err == nil {
		if _, err = c.codec.Decode(value, entry.Modified); err == nil {
			return true, ErrReadable
		}
	}
	if dryRun {
		return true, nil
	}
	c.opts.Log.Warn("delete object that cannot be read", "key", key, "revision", entry.Modified, "error", err)
	result, err := store.Guarded(ctx, c.store, transaction(
		store.Condition{Key: key, Modified: entry.Modified}, store.Write{Key: key, Delete: true}, nil))
	switch {
	case err != nil:
		return true, fmt.Errorf("delete %s: %w", key, err)
	case !result.Succeeded:
		return true, &ConflictError{Key: key}
	}
	return true, c.settle(ctx, result.Revision)
}

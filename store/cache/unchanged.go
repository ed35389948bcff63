package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// CheckUnchanged proves that nobody has changed an object that is shared: each
// of the present and of the history window is compared with what the store
// holds for it. It costs a decoding and two encodings for each object: it is
// for tests, which call it when all is over.
func (c *Cache) CheckUnchanged(ctx context.Context) error {
	if err := c.lockLoaded(func() error { return c.current(ctx) }); err != nil {
		return err
	}
	var items []*Item
	c.items.Scan(func(item *Item) bool { items = append(items, item); return true })
	for _, e := range c.history.events {
		if e.Prev != nil {
			items = append(items, e.Prev)
		}
	}
	c.mu.Unlock()
	var errs []error
	for _, item := range items {
		errs = append(errs, c.checkItem(item))
	}
	return errors.Join(errs...)
}

func (c *Cache) checkItem(item *Item) error {
	fresh, err := c.codec.Decode(item.Value, item.Revision)
	if err != nil {
		return fmt.Errorf("decode %s: %w", item.Key, err)
	}
	want, err := c.codec.Encode(fresh)
	if err != nil {
		return fmt.Errorf("encode %s: %w", item.Key, err)
	}
	got, err := c.codec.Encode(item.Object().DeepCopyObject())
	if err != nil {
		return fmt.Errorf("encode %s: %w", item.Key, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("check %s at revision %d: somebody has changed the shared object: it is %q and was %q", item.Key, item.Revision, got, want)
	}
	return nil
}

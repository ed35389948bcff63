package cache

import (
	"context"
	"errors"
	"fmt"

	"minke/store"
)

// Sealer turns values into what is stored and back, such as by encryption. Its
// methods are safe for concurrent use.
type Sealer interface {
	// Active tells that values of this cache may be stored otherwise than as
	// they are.
	Active() bool
	Seal(ctx context.Context, key string, value []byte) ([]byte, error)
	// Open is the inverse. Stale tells that Seal would do it otherwise now, so
	// that the value should be stored anew. An error that is
	// store.ErrUnavailable may pass by itself.
	Open(ctx context.Context, key string, stored []byte) (value []byte, stale bool, err error)
	// Changed is closed when what Open has refused may be opened now.
	Changed() <-chan struct{}
}

var errSealerChanged = errors.New("what could not be opened may be opened now")

// seal returns what is to be stored for value.
func (c *Cache) seal(ctx context.Context, key string, value []byte) ([]byte, error) {
	if c.opts.Sealer == nil {
		return value, nil
	}
	return c.opts.Sealer.Seal(ctx, key, value)
}

// open returns the value that stored holds.
func (c *Cache) open(key string, stored []byte) ([]byte, error) {
	if c.opts.Sealer == nil {
		return stored, nil
	}
	value, _, err := c.opts.Sealer.Open(c.ctx, key, stored)
	return value, err
}

// stale tells that item, though it is up to date, should be stored anew.
func (c *Cache) stale(ctx context.Context, item *Item) (bool, error) {
	if c.opts.Sealer == nil || !c.opts.Sealer.Active() {
		return false, nil
	}
	entry, _, err := c.store.Get(ctx, item.Key)
	if err != nil {
		return false, err
	}
	if entry == nil || entry.Modified != item.Revision {
		return true, nil // the write is to find out
	}
	_, stale, err := c.opts.Sealer.Open(ctx, item.Key, entry.Value)
	return stale, err
}

// broken are the entries that could not be opened, by key. Only the feed
// changes it, with Cache.mu held.
type broken map[string]error

// note remembers how the entry of key turned out.
func (b *broken) note(key string, err error) {
	if err == nil {
		delete(*b, key)
		return
	}
	if *b == nil {
		*b = broken{}
	}
	(*b)[key] = err
}

// any returns the error of the first key, since a list without it would not be
// complete.
func (b broken) any() error {
	first := ""
	for key := range b {
		if first == "" || key < first {
			first = key
		}
	}
	if first == "" {
		return nil
	}
	return b[first]
}

// passing returns the error among errs that may pass by itself.
func passing(errs ...error) error {
	for _, err := range errs {
		if errors.Is(err, store.ErrUnavailable) {
			return fmt.Errorf("open what is stored: %w", err)
		}
	}
	return nil
}

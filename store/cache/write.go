package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
	"minke/tracing"
)

// ErrExists tells that Create found the key taken.
var ErrExists = errors.New("the key exists already")

// ConflictError tells that the object is not as the writer knew it.
type ConflictError struct {
	Key string
	// Current is the object as it stands; nil when it is gone.
	Current *Item
}

func (e *ConflictError) Error() string {
	if e.Current == nil {
		return fmt.Sprintf("write %s: the object is gone", e.Key)
	}
	return fmt.Sprintf("write %s: the object has changed, at revision %d", e.Key, e.Current.Revision)
}

// handover is a decoded object on its way through the store to the feed.
// Cache.mu guards it while it is in Cache.pending.
type handover struct {
	value, stored []byte // as encoded, and as sealed
	object        runtime.Object
	item          *Item // set by the feed
}

// Create stores obj at key and returns it as stored, with its resourceVersion.
// It takes obj over: the caller may not touch it afterwards, whatever comes
// out. It fails with ErrExists. What is beside it is written with it or not at
// all; here and below, *BesideError tells that it was that which had changed.
func (c *Cache) Create(ctx context.Context, key string, obj runtime.Object, beside ...Beside) (*Item, error) {
	item, current, err := c.put(ctx, key, 0, obj, beside)
	if err != nil {
		return nil, err
	}
	if current != nil {
		return nil, fmt.Errorf("create %s: %w", key, ErrExists)
	}
	return item, nil
}

// Update replaces old with obj, which it takes over as Create does, and returns
// it as stored. It fails with *ConflictError unless old is the current state.
// An obj that is stored as old is already, and sealed as it would be now, writes
// nothing and returns old.
func (c *Cache) Update(ctx context.Context, old *Item, obj runtime.Object, beside ...Beside) (*Item, error) {
	item, current, err := c.put(ctx, old.Key, old.Revision, obj, beside)
	if err != nil {
		return nil, err
	}
	if item == nil {
		return nil, &ConflictError{Key: old.Key, Current: current}
	}
	return item, nil
}

// Delete removes old and returns its last state, with the resourceVersion of
// the deletion. It fails with *ConflictError unless old is the current state.
func (c *Cache) Delete(ctx context.Context, old *Item, beside ...Beside) (*Item, error) {
	if _, err := c.ready(ctx); err != nil {
		return nil, err
	}
	result, err := store.Guarded(ctx, c.store, transaction(
		store.Condition{Key: old.Key, Modified: old.Revision}, store.Write{Key: old.Key, Delete: true}, beside))
	if err != nil {
		return nil, fmt.Errorf("delete %s: %w", old.Key, err)
	}
	if !result.Succeeded {
		if err := besideError(result, old.Revision, beside); err != nil {
			return nil, err
		}
		current, err := c.conflicting(ctx, old.Key, result)
		if err != nil {
			return nil, err
		}
		return nil, &ConflictError{Key: old.Key, Current: current}
	}
	if err := c.settle(ctx, result.Revision); err != nil {
		return nil, err
	}
	return old.deleted(result.Revision), nil
}

// put writes obj if key was last written at modified. It returns the new item,
// or, when the condition failed, a nil item and what is there now.
func (c *Cache) put(ctx context.Context, key string, modified store.Revision, obj runtime.Object, beside []Beside) (item, current *Item, err error) {
	if _, err := c.ready(ctx); err != nil {
		return nil, nil, err
	}
	if s, ok := c.codec.(Settler); ok {
		s.Settle(obj)
	}
	span := tracing.FromContext(ctx)
	span.Event("About to Encode")
	value, err := c.codec.Encode(obj)
	if err != nil {
		return nil, nil, fmt.Errorf("encode %s: %w", key, err)
	}
	span.Event("Encode succeeded", tracing.Int("len", len(value)))
	if modified != 0 && len(beside) == 0 {
		if same, err := c.stands(ctx, key, modified, value); err != nil || same != nil {
			return same, nil, err
		}
	}
	stored, err := c.seal(ctx, key, value)
	if err != nil {
		return nil, nil, err
	}
	span.Event("TransformToStorage succeeded")
	h := &handover{value: value, stored: stored, object: obj}
	c.expect(key, h)
	result, err := store.Guarded(ctx, c.store, transaction(store.Condition{Key: key, Modified: modified}, store.Write{Key: key, Value: stored}, beside))
	if err == nil && result.Succeeded {
		span.Event("Txn call succeeded")
		err = c.settle(ctx, result.Revision)
	}
	item = c.unexpect(key, h)
	if err != nil {
		return nil, nil, fmt.Errorf("write %s: %w", key, err)
	}
	if !result.Succeeded {
		if err := besideError(result, modified, beside); err != nil {
			return nil, nil, err
		}
		current, err = c.conflicting(ctx, key, result)
		return nil, current, err
	}
	if item == nil || item.Revision != result.Revision {
		return c.written(ctx, key, value, result.Revision)
	}
	return item, nil, nil
}

// written makes the item of a write whose hand-over another write of the very
// same bytes got, or whose event a reload swallowed.
func (c *Cache) written(ctx context.Context, key string, value []byte, rev store.Revision) (*Item, *Item, error) {
	if now, ok, err := c.Get(ctx, key); err == nil && ok && now.Revision == rev {
		return now, nil, nil
	}
	obj, err := c.codec.Decode(value, rev)
	if err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", key, err)
	}
	return &Item{Key: key, object: obj, Value: value, Revision: rev}, nil, nil
}

// stands returns the item of key if it is the one written at modified, holds
// value and is sealed as it would be now: then there is nothing to write. Only
// where what is here says so is the store asked.
func (c *Cache) stands(ctx context.Context, key string, modified store.Revision, value []byte) (*Item, error) {
	same := func(item *Item, ok bool) bool {
		return ok && item.Revision == modified && bytes.Equal(item.Value, value)
	}
	item, ok, err := c.HeldItem(ctx, key)
	if err != nil || !same(item, ok) {
		return nil, err
	}
	if stale, err := c.stale(ctx, item); err != nil || stale {
		return nil, err
	}
	item, ok, err = c.Get(ctx, key)
	if err != nil || !same(item, ok) {
		return nil, err
	}
	return item, nil
}

// settle waits until the write at rev, which has an event, is seen here.
func (c *Cache) settle(ctx context.Context, rev store.Revision) error {
	source, err := c.ready(ctx)
	if err != nil {
		return err
	}
	if t, ok := source.(Tracked); ok {
		queued, current := t.Position()
		return c.reach(ctx, queued, current)
	}
	return c.wait(ctx, rev)
}

// conflicting returns what stands at key, at least as new as what made the
// transaction fail.
func (c *Cache) conflicting(ctx context.Context, key string, result store.TxnResult) (*Item, error) {
	read := c.Get
	if len(result.Current) > 0 && result.Current[0] != nil {
		if err := c.wait(ctx, result.Current[0].Modified); err != nil {
			return nil, err
		}
		read = c.HeldItem
	}
	item, _, err := read(ctx, key)
	return item, err
}

func (c *Cache) expect(key string, h *handover) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[key] = append(c.pending[key], h)
}

// unexpect takes h back and returns the item that the feed made of it, if any.
func (c *Cache) unexpect(key string, h *handover) *Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	var kept []*handover
	for _, p := range c.pending[key] {
		if p != h {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		delete(c.pending, key)
	} else {
		c.pending[key] = kept
	}
	return h.item
}

// handedOver returns the hand-over of what some writer has stored as stored, and
// its object. Which writer does not matter: equal bytes are equal objects.
func (c *Cache) handedOver(key string, stored []byte) (*handover, runtime.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.pending[key] {
		if h.object != nil && bytes.Equal(h.stored, stored) {
			obj := h.object
			h.object = nil // one item only: its resourceVersion is set now
			return h, obj
		}
	}
	return nil, nil
}

// taken tells the writer the item that came of its hand-over.
func (c *Cache) taken(h *handover, item *Item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.item = item
}

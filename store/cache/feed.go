package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"minke/store"
)

// retryMin and retryMax bound the pause before a failed load is tried again.
const (
	retryMin = 50 * time.Millisecond
	retryMax = 5 * time.Second
)

// ready starts the feed if need be and returns its source once the objects are
// loaded. It fails when the first load does, so that its caller learns why; a
// load goes on being tried as long as the cache lives.
//
//	        first use             loaded              store's watch ended
//	(idle) ───────────> loading ─────────> following ─────────┐
//	                     ^   │ failed: told to who waits,     │
//	                     │   └ tried again after a pause      │ watchers ended
//	                     └────────────────────────────────────┘
func (c *Cache) ready(ctx context.Context) (store.Watcher, error) {
	c.start.Do(func() { go c.feed() })
	for {
		c.mu.Lock()
		source, loaded, loading, err := c.source, c.loaded, c.loading, c.err
		c.mu.Unlock()
		if loaded {
			return source, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-loading:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// feed is the cache's goroutine.
func (c *Cache) feed() {
	defer close(c.done)
	pause := retryMin
	for {
		batches, err := c.load()
		if err == nil {
			pause = retryMin
			err = c.follow(batches)
		}
		if c.ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			c.end(store.ErrClosed)
			return
		}
		c.unload()
		c.opts.Log.Warn("reload objects from the store", "prefix", c.prefix, "error", err)
		c.fail(err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, retryMax)
		case <-c.ctx.Done():
		}
		c.retry()
	}
}

// load reads all objects and opens the watch that follows.
func (c *Cache) load() (store.Watcher, error) {
	result, err := c.store.Range(c.ctx, store.Range{Prefix: c.prefix})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", c.prefix, err)
	}
	source, err := c.store.Watch(c.ctx, c.prefix, result.Revision)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", c.prefix, err)
	}
	items, errs := c.decodeAll(result.Entries)
	if err := passing(errs...); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, item := range items {
		if item != nil {
			c.items.Load(item)
		}
		if errs[i] != nil {
			c.broken.note(result.Entries[i].Key, errs[i])
		}
	}
	c.items.Copy() // see tidyEach
	c.view = nil
	c.changes.Add(1)
	c.source, c.loaded, c.err = source, true, nil
	c.history.reset(result.Revision)
	c.advance(result.Revision)
	close(c.loading)
	return source, nil
}

// unload forgets everything, if it was loaded, since events were missed:
// watchers must start anew.
func (c *Cache) unload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		return
	}
	c.items.Scan(func(item *Item) bool { item.encodings.release(); return true })
	c.items, c.view, c.old, c.broken = newTree(), nil, nil, nil
	c.source, c.loaded, c.loading = nil, false, make(chan struct{})
	c.history.reset(c.revision)
	c.watchers.end(store.ErrCompacted)
}

// fail tells err to all who wait for the load.
func (c *Cache) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.wake(err, func(waiter) bool { return true })
	close(c.loading)
}

func (c *Cache) retry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.loading = nil, make(chan struct{})
}

// end makes the cache fail for good.
func (c *Cache) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		close(c.loading)
	}
	c.loaded, c.err = false, err
	c.watchers.end(err)
	c.wake(err, func(waiter) bool { return true })
}

// follow applies what the store's watch brings until it ends, or until it seems
// that what could not be opened now can.
func (c *Cache) follow(source store.Watcher) error {
	for {
		var changed <-chan struct{}
		if len(c.broken) > 0 {
			changed = c.opts.Sealer.Changed()
		}
		select {
		case batch, ok := <-source.Batches():
			if !ok {
				return source.Err()
			}
			batches := append(make([]store.Batch, 0, 16), batch)
			batches = drain(batches, source.Batches())
			if err := c.apply(batches); err != nil {
				return err
			}
		case <-changed:
			return errSealerChanged
		}
	}
}

// drain adds what is waiting already, so that locks are taken and watchers
// woken once for all of it.
func drain(batches []store.Batch, more <-chan store.Batch) []store.Batch {
	for len(batches) < 256 {
		select {
		case b, ok := <-more:
			if !ok {
				return batches
			}
			batches = append(batches, b)
		default:
			return batches
		}
	}
	return batches
}

// apply shows batches to readers and watchers.
func (c *Cache) apply(batches []store.Batch) error {
	var events []*Event
	var opened map[string]error // how entries turned out that are, or were, broken
	for _, batch := range batches {
		for i := range batch.Events {
			e, err := c.decode(&batch.Events[i], events)
			if e != nil {
				events = append(events, e)
			}
			if err := passing(err); err != nil {
				return err
			}
			if err != nil || len(opened) > 0 || len(c.broken) > 0 {
				if opened == nil {
					opened = map[string]error{}
				}
				opened[batch.Events[i].Entry.Key] = err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, err := range opened {
		c.broken.note(key, err)
	}
	for _, e := range events {
		if e.Type == Deleted {
			c.items.Delete(e.Prev)
		} else {
			set(c.items, e.Item)
		}
		c.history.add(e)
		c.watchers.add(e)
	}
	if len(events) > 0 || len(opened) > 0 {
		c.changes.Add(1)
	}
	if len(events) > 0 {
		c.view = nil
		c.history.trim()
		c.dropOld()
		c.watchers.flush(c.opts.WatchBuffer)
		c.wakeFan()
	}
	c.advance(batches[len(batches)-1].Revision)
	return nil
}

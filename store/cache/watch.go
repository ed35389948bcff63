package cache

import (
	"context"
	"strings"

	"minke/store"
)

// Watcher streams events to one consumer. A consumer that falls too far behind
// is ended; it never holds up others.
type Watcher struct {
	cache  *Cache
	prefix string
	events chan []*Event
	wake   chan struct{} // capacity 1: there is something new in queue or err

	// Cache.mu guards the rest.
	queue []*Event
	// sending tells that a batch was taken from queue and not yet from events.
	sending bool
	touched bool // is in watchers.touched
	err     error
}

// Watch streams all events later than after on keys that begin with prefix, in
// order, without gap or duplicate. It fails with store.ErrCompacted when after
// is zero or older than the history window, and store.ErrFutureRevision. It
// ends when ctx does.
func (c *Cache) Watch(ctx context.Context, prefix string, after store.Revision) (*Watcher, error) {
	if after == 0 {
		return nil, store.ErrCompacted
	}
	if err := c.lockLoaded(func() error { return c.WaitFor(ctx, after) }); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if after < c.history.floor {
		return nil, store.ErrCompacted
	}
	w := &Watcher{cache: c, prefix: prefix, events: make(chan []*Event), wake: make(chan struct{}, 1)}
	for _, e := range c.history.after(after) {
		if strings.HasPrefix(e.Item.Key, prefix) {
			w.queue = append(w.queue, e)
		}
	}
	if len(w.queue) > 0 {
		w.wake <- struct{}{}
	}
	c.watchers.register(w)
	go w.run(ctx)
	return w, nil
}

// Events delivers batches of events; it is closed at the end. The slices are
// the receiver's, the events everybody's.
func (w *Watcher) Events() <-chan []*Event { return w.events }

// Err tells why Events was closed: ctx's error, store.ErrSlowWatcher,
// store.ErrCompacted when the cache had to reload (list again), or
// store.ErrClosed. It is nil while the watch runs.
func (w *Watcher) Err() error {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	return w.err
}

// Progress returns a revision such that every event up to it has been taken
// from Events: what a bookmark may say. It tells false while there are events
// still to be taken. Call it from the goroutine that receives.
func (w *Watcher) Progress(ctx context.Context) (store.Revision, bool) {
	if w.cache.current(ctx) != nil {
		return 0, false
	}
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	if len(w.queue) > 0 || w.sending || w.err != nil {
		return 0, false
	}
	return w.cache.revision, true
}

// run moves events from the queue to the consumer.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.events)
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			w.stop(ctx.Err())
			return
		}
		batch, err := w.take()
		if err != nil {
			return
		}
		if len(batch) == 0 {
			continue
		}
		select {
		case w.events <- batch:
			w.sent()
		case <-ctx.Done():
			w.stop(ctx.Err())
			return
		}
	}
}

func (w *Watcher) take() ([]*Event, error) {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	batch := w.queue
	w.queue = nil
	w.sending = len(batch) > 0
	return batch, w.err
}

func (w *Watcher) sent() {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	w.sending = false
}

func (w *Watcher) stop(err error) {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	w.cache.watchers.unregister(w)
	w.finish(err)
}

// finish sets why the watch ends; Cache.mu must be held.
func (w *Watcher) finish(err error) {
	if w.err == nil {
		w.err, w.queue = err, nil
	}
	w.signal()
}

func (w *Watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"minke/store"
)

// Watcher streams events to one consumer. A consumer that falls too far behind
// is ended; it never holds up others.
type Watcher struct {
	cache  *Cache
	prefix string
	wake   chan struct{}   // capacity 1: there is something new in queue or err
	done   <-chan struct{} // the consumer's context has ended
	start  sync.Once       // of run
	events chan []*Event

	delivery sync.Mutex // guards deliver; held while it is called
	deliver  func([]*Event) int
	// The fan uses these while it holds the watcher; batch changes under Cache.mu.
	batch []*Event
	taken int // of batch, by the consumer

	// Cache.mu guards the rest.
	queue []*Event
	spare []*Event // empty, for the next queue
	// held tells that somebody delivers what was in queue before: nobody else
	// may take from it. Whoever lets go sees to what has come meanwhile.
	held    bool
	direct  bool // events go to deliver
	touched bool // is in watchers.touched
	due     bool // is in watchers.due
	err     error
}

// TooOldError tells that events which a watch would begin with are gone.
type TooOldError struct {
	Oldest store.Revision // after which a watch could begin
}

// Error tells the oldest revision.
func (e *TooOldError) Error() string {
	return fmt.Sprintf("events are kept after revision %d: %v", e.Oldest, store.ErrCompacted)
}

// Unwrap returns what it is a kind of.
func (e *TooOldError) Unwrap() error { return store.ErrCompacted }

// Watch streams all events later than after on keys that begin with prefix, in
// order, without gap or duplicate. It fails with a TooOldError, which is a
// store.ErrCompacted, when after is older than the history window, with
// store.ErrCompacted when it is zero, and with store.ErrFutureRevision. It ends
// when ctx does.
func (c *Cache) Watch(ctx context.Context, prefix string, after store.Revision) (*Watcher, error) {
	if after == 0 {
		return nil, store.ErrCompacted
	}
	if err := c.lockLoaded(func() error { return c.WaitFor(ctx, after) }); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if after < c.history.floor {
		return nil, &TooOldError{Oldest: c.history.floor}
	}
	w := &Watcher{cache: c, prefix: prefix, done: ctx.Done(), events: make(chan []*Event), wake: make(chan struct{}, 1)}
	for _, e := range c.history.after(after) {
		if strings.HasPrefix(e.Item.Key, prefix) {
			w.queue = append(w.queue, e)
		}
	}
	if len(w.queue) > 0 {
		w.wake <- struct{}{}
	}
	c.watchers.register(w)
	context.AfterFunc(ctx, func() { w.stop(ctx.Err()) })
	return w, nil
}

// Events delivers batches of events; it is closed at the end. The slices are
// the receiver's, the events everybody's.
func (w *Watcher) Events() <-chan []*Event {
	w.start.Do(func() { go w.run() })
	return w.events
}

// Ready tells that it is time to Take: there are events, or the watch has ended.
func (w *Watcher) Ready() <-chan struct{} { return w.wake }

// Err tells why the watch has ended: ctx's error, store.ErrSlowWatcher,
// store.ErrCompacted when the cache had to reload (list again), or
// store.ErrClosed. It is nil while the watch runs.
func (w *Watcher) Err() error {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	return w.err
}

// Progress returns a revision such that every event up to it has been taken and
// let go of: what a bookmark may say. It tells false while that is not so.
// Otherwise nothing later is delivered until Release is called.
func (w *Watcher) Progress(ctx context.Context) (store.Revision, bool) {
	if w.cache.current(ctx) != nil {
		return 0, false
	}
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	if len(w.queue) > 0 || w.held || w.err != nil {
		return 0, false
	}
	w.held = true
	return w.cache.revision, true
}

// Take returns the events that wait, which may be none; if there are any,
// Release must be called once they are dealt with. It fails with Err at the end.
func (w *Watcher) Take() ([]*Event, error) {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	if w.held {
		return nil, nil // whoever holds it signals afterwards
	}
	if w.err != nil {
		return nil, w.err
	}
	batch := w.queue
	w.queue = nil
	w.held = len(batch) > 0
	return batch, nil
}

// Release ends what Progress or Take has begun.
func (w *Watcher) Release() {
	w.cache.mu.Lock()
	defer w.cache.mu.Unlock()
	w.held = false
	if len(w.queue) > 0 || w.err != nil {
		w.signal()
	}
}

// run moves events from the queue to the channel.
func (w *Watcher) run() {
	defer close(w.events)
	for range w.wake {
		batch, err := w.Take()
		if err != nil {
			return
		}
		if len(batch) == 0 {
			continue
		}
		select {
		case w.events <- batch:
			w.Release()
		case <-w.done:
			return
		}
	}
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

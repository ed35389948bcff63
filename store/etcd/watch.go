package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"minke/store"
)

// watcher delivers to one consumer, over as many streams as it takes.
//
//	            stream fails
//	(streaming) ───────────> (pause) ──> a new stream after position
//	     └──────────┬───────────┘
//	                v ctx ended, store closed, compacted, refused
//	             (ended)
type watcher struct {
	store   *Store
	path    string // the prefix, in etcd
	batches chan store.Batch
	kick    chan struct{} // capacity 1: wanted has grown

	mu sync.Mutex // guards all below
	// position is complete: every event up to it is in batches.
	position store.Revision
	// wanted is what position has to reach because somebody waits.
	wanted store.Revision
	err    error
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Revision) (store.Watcher, error) {
	path, err := s.path(prefix)
	if err != nil {
		return nil, err
	}
	if after == 0 || int64(after) > s.seen.Load() {
		_, now, err := s.Get(ctx, prefix)
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", prefix, err)
		}
		if after > now {
			return nil, store.ErrFutureRevision
		}
		if after == 0 {
			after = now
		}
	}
	w := &watcher{store: s, path: path, position: after,
		batches: make(chan store.Batch, s.opts.WatchBuffer), kick: make(chan struct{}, 1)}
	return w, s.goRunning(func() { w.run(ctx) })
}

// Batches implements store.Watcher.
func (w *watcher) Batches() <-chan store.Batch { return w.batches }

// Err implements store.Watcher.
func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// RequestProgress makes a batch come, with or without events, whose revision is
// at least the newest that the store has told anybody.
func (w *watcher) RequestProgress(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.wanted = max(w.wanted, store.Revision(w.store.seen.Load()))
	if w.position < w.wanted {
		select {
		case w.kick <- struct{}{}:
		default:
		}
	}
	return nil
}

// behind tells whether somebody waits for a mark.
func (w *watcher) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position < w.wanted
}

func (w *watcher) at() store.Revision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position
}

// run keeps a stream open until the watch ends.
func (w *watcher) run(parent context.Context) {
	defer close(w.batches)
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer context.AfterFunc(w.store.ctx, cancel)()
	pause := retryMin
	for {
		from := w.at()
		err := w.stream(ctx)
		switch {
		case w.store.ctx.Err() != nil:
			err = store.ErrClosed
		case parent.Err() != nil:
			err = parent.Err()
		case !final(err):
			if w.at() > from {
				pause = retryMin
			}
			w.store.opts.Log.Debug("watch etcd anew", "prefix", w.path, "after", w.at(), "error", err)
			if sleep(ctx, pause) {
				pause = min(2*pause, retryMax)
			}
			continue
		}
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
		return
	}
}

// final tells whether a new stream would not help.
func final(err error) bool {
	if errors.Is(err, store.ErrCompacted) {
		return true
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.Unimplemented:
		return true
	}
	return false
}

// split groups the events of one answer by their revisions.
func (w *watcher) split(events []*mvccpb.Event) []store.Batch {
	var batches []store.Batch
	for _, e := range events {
		rev := store.Revision(e.Kv.ModRevision)
		if rev <= w.at() {
			continue // it was delivered by the stream before
		}
		if n := len(batches); n == 0 || batches[n-1].Revision != rev {
			batches = append(batches, store.Batch{Revision: rev})
		}
		last := &batches[len(batches)-1]
		last.Events = append(last.Events, w.store.event(e))
	}
	return batches
}

func (s *Store) event(e *mvccpb.Event) store.Event {
	event := store.Event{Entry: s.entry(e.Kv)}
	if e.Type == mvccpb.DELETE {
		event.Deleted, event.Entry.Value = true, nil
	}
	if e.PrevKv != nil {
		prev := s.entry(e.PrevKv)
		event.Prev = &prev
	}
	return event
}

// deliver queues b; while the consumer leaves no room, nothing is received.
func (w *watcher) deliver(ctx context.Context, b store.Batch) error {
	select {
	case w.batches <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = b.Revision
	return nil
}

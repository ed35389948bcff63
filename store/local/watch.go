package local

import (
	"context"
	"strings"
	"sync"

	"minke/store"
)

// ready is how many batches a watcher's channel itself can hold. What goes
// beyond is spilled to a list that a goroutine moves into the channel.
const ready = 32

// watcher delivers to one consumer.
//
//	          channel full             list empty again
//	(direct) ─────────────> (spilling) ────────────────> (direct)
//	    └──────────┬──────────────┘
//	               v ctx ended, store closed, list too long
//	            (ended)
type watcher struct {
	store   *Store
	prefix  string
	batches chan store.Batch
	release func() bool // stops watching ctx
	stopped chan struct{}

	next []store.Event // of the batch in the making; Store.mu guards it

	mu     sync.Mutex // guards the rest; taken after Store.mu, if at all
	spill  []store.Batch
	spills bool // the goroutine runs; it alone sends on and closes batches
	queued store.Revision
	err    error // set: ended
}

// Batches implements store.Watcher.
func (w *watcher) Batches() <-chan store.Batch { return w.batches }

// Err implements store.Watcher.
func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Position returns the revision of the last batch that was queued here, and the
// store's: all events of interest up to current are in batches up to queued.
// When the watch has ended, what was queued is not known, and is said to be
// current.
func (w *watcher) Position() (queued, current store.Revision) {
	// The order matters: batches are queued before their revision is published.
	current = w.store.Revision()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return current, current
	}
	return w.queued, current
}

// RequestProgress queues a batch without events that tells the store's
// revision.
func (w *watcher) RequestProgress(context.Context) error {
	w.store.mu.RLock() // nothing is published meanwhile
	defer w.store.mu.RUnlock()
	w.send(store.Batch{Revision: w.store.revision})
	return w.Err()
}

// send queues b or ends the watch because there is no room.
func (w *watcher) send(b store.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	if !w.spills {
		select {
		case w.batches <- b:
			w.queued = b.Revision
			return
		default:
		}
	}
	if len(w.spill) >= w.store.opts.WatchBuffer {
		w.end(store.ErrSlowWatcher)
		return
	}
	w.queued = b.Revision
	w.spill = append(w.spill, b)
	w.startSpill()
}

func (w *watcher) startSpill() {
	if !w.spills {
		w.spills = true
		go w.drain()
	}
}

// drain moves the spilled batches into the channel.
func (w *watcher) drain() {
	for {
		w.mu.Lock()
		if w.err != nil {
			close(w.batches)
			w.mu.Unlock()
			return
		}
		spill := w.spill
		w.spill = nil
		if len(spill) == 0 {
			w.spills = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		for _, b := range spill {
			select {
			case w.batches <- b:
			case <-w.stopped: // nothing more may follow what was left out
				w.mu.Lock()
				defer w.mu.Unlock()
				close(w.batches)
				return
			}
		}
	}
}

// end ends the watch; w.mu must be held.
func (w *watcher) end(err error) {
	if w.err != nil {
		return
	}
	w.err, w.spill = err, nil
	close(w.stopped)
	if !w.spills {
		close(w.batches)
	}
	w.release()
}

// watchers are the registered watchers by prefix. Store.mu guards it.
type watchers struct {
	// byPath has those whose prefix ends in a slash, to be looked up by the
	// key's path; others are tried one by one.
	byPath  map[string]map[*watcher]struct{}
	others  map[*watcher]struct{}
	touched []*watcher
}

func (s *watchers) init() {
	s.byPath = map[string]map[*watcher]struct{}{}
	s.others = map[*watcher]struct{}{}
}

// add registers a watcher that is to get the batches of the past first.
func (s *watchers) add(ctx context.Context, st *Store, prefix string, past []store.Batch) *watcher {
	w := &watcher{store: st, prefix: prefix, batches: make(chan store.Batch, ready), stopped: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range past {
		if events := matching(b.Events, prefix); len(events) > 0 {
			w.spill = append(w.spill, store.Batch{Revision: b.Revision, Events: events})
			w.queued = b.Revision
		}
	}
	if len(w.spill) > 0 {
		w.startSpill()
	}
	w.release = context.AfterFunc(ctx, func() { s.remove(st, w, ctx.Err()) })
	if !strings.HasSuffix(prefix, "/") {
		s.others[w] = struct{}{}
		return w
	}
	if s.byPath[prefix] == nil {
		s.byPath[prefix] = map[*watcher]struct{}{}
	}
	s.byPath[prefix][w] = struct{}{}
	return w
}

func matching(events []store.Event, prefix string) []store.Event {
	var found []store.Event
	for _, e := range events {
		if strings.HasPrefix(e.Entry.Key, prefix) {
			found = append(found, e)
		}
	}
	return found
}

func (s *watchers) remove(st *Store, w *watcher, err error) {
	st.mu.Lock()
	s.unregister(w)
	st.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(err)
}

func (s *watchers) unregister(w *watcher) {
	delete(s.others, w)
	if group, ok := s.byPath[w.prefix]; ok {
		delete(group, w)
		if len(group) == 0 {
			delete(s.byPath, w.prefix)
		}
	}
}

// send gives b's events to those whom they concern.
func (s *watchers) send(b store.Batch) {
	for i := range b.Events {
		e := &b.Events[i]
		for j := range len(e.Entry.Key) {
			if e.Entry.Key[j] != '/' {
				continue
			}
			for w := range s.byPath[e.Entry.Key[:j+1]] {
				s.give(w, e)
			}
		}
		for w := range s.others {
			if strings.HasPrefix(e.Entry.Key, w.prefix) {
				s.give(w, e)
			}
		}
	}
	for i, w := range s.touched {
		w.send(store.Batch{Revision: b.Revision, Events: w.next})
		w.next, s.touched[i] = nil, nil
		if w.Err() != nil {
			s.unregister(w)
		}
	}
	s.touched = s.touched[:0]
}

func (s *watchers) give(w *watcher, e *store.Event) {
	if len(w.next) == 0 {
		s.touched = append(s.touched, w)
	}
	w.next = append(w.next, *e)
}

// end ends all watches.
func (s *watchers) end(err error) {
	stop := func(w *watcher) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.end(err)
	}
	for _, group := range s.byPath {
		for w := range group {
			stop(w)
		}
	}
	for w := range s.others {
		stop(w)
	}
	s.init()
}

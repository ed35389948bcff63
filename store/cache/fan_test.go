package cache

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"minke/store"
)

// receiver takes events in both ways, as a stream does, and notes their order.
type receiver struct {
	*Watcher
	told   chan struct{} // capacity 1: something was delivered
	mu     sync.Mutex    // guards the rest
	accept int           // so many events in each call of the fan
	seen   []store.Revision
	direct int
}

func (r *receiver) deliver(events []*Event) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	events = events[:min(len(events), r.accept)]
	r.note(events)
	r.direct += len(events)
	select {
	case r.told <- struct{}{}:
	default:
	}
	return len(events)
}

func (r *receiver) note(events []*Event) {
	for _, e := range events {
		r.seen = append(r.seen, e.Revision)
	}
}

func receive(t *testing.T, c *Cache, after store.Revision, accept int) *receiver {
	t.Helper()
	return &receiver{Watcher: must(c.Watch(t.Context(), prefix, after))(t), accept: accept, told: make(chan struct{}, 1)}
}

// until receives until it has seen last, or the watch ends.
func (r *receiver) until(last store.Revision) error {
	for {
		r.mu.Lock()
		done := len(r.seen) > 0 && r.seen[len(r.seen)-1] >= last
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-r.told:
		case <-r.Ready():
		}
		if _, ok := r.Progress(r.cache.ctx); ok { // as for a bookmark
			r.Release()
		}
		events, err := r.Take()
		if err != nil {
			return err
		}
		if len(events) > 0 {
			r.mu.Lock()
			r.note(events)
			r.mu.Unlock()
			r.Release()
		}
	}
}

// TestFanKeepsOrder has watchers that take all, some or nothing from the fan.
func TestFanKeepsOrder(t *testing.T) {
	c, _ := newCache(t, Options{WatchBuffer: 1 << 20})
	item := must(c.Create(t.Context(), prefix+"a", object("a", "")))(t)
	first := item.Revision
	const updates = 500
	last := first + updates
	var receivers []*receiver
	var done sync.WaitGroup
	for _, accept := range []int{updates, 1, 0, 3} {
		r := receive(t, c, first, accept)
		r.Direct(r.deliver)
		receivers = append(receivers, r)
		done.Go(func() {
			if err := r.until(last); err != nil {
				t.Error(err)
			}
			r.Indirect()
		})
	}
	for i := range updates {
		item = must(c.Update(t.Context(), item, object("a", fmt.Sprint(i))))(t)
	}
	done.Wait()
	for _, r := range receivers {
		if len(r.seen) != updates {
			t.Errorf("accepting %d: %d events of %d", r.accept, len(r.seen), updates)
		}
		for i, rev := range r.seen {
			if rev != first+store.Revision(i)+1 {
				t.Fatalf("accepting %d: event %d has revision %d, the first was %d", r.accept, i, rev, first)
			}
		}
		if r.accept == 0 && r.direct > 0 {
			t.Errorf("%d events were taken by who takes none", r.direct)
		}
	}
}

// TestFanIsHeldOff has a consumer that holds its watcher: nothing may be
// delivered meanwhile, and afterwards all is.
func TestFanIsHeldOff(t *testing.T) {
	c, _ := newCache(t, Options{})
	item := must(c.Create(t.Context(), prefix+"a", object("a", "")))(t)
	r := receive(t, c, item.Revision, 1)
	other := receive(t, c, item.Revision, 1)
	r.Direct(r.deliver)
	rev, ok := r.Progress(t.Context())
	if !ok || rev != item.Revision {
		t.Fatalf("progress %d %v at %d", rev, ok, item.Revision)
	}
	other.Direct(other.deliver)
	item = must(c.Update(t.Context(), item, object("a", "1")))(t)
	if err := other.until(item.Revision); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	if len(r.seen) > 0 {
		t.Error("an event was delivered before the bookmark was written")
	}
	r.mu.Unlock()
	r.Release()
	if err := r.until(item.Revision); err != nil {
		t.Error(err)
	}
}

func TestFanEnds(t *testing.T) {
	c, _ := newCache(t, Options{WatchBuffer: 4})
	item := must(c.Create(t.Context(), prefix+"a", object("a", "")))(t)
	refusing := receive(t, c, item.Revision, 0)
	refusing.Direct(refusing.deliver)
	for i := range 20 {
		item = must(c.Update(t.Context(), item, object("a", fmt.Sprint(i))))(t)
	}
	for refusing.Err() == nil {
		<-refusing.Ready()
	}
	if !errors.Is(refusing.Err(), store.ErrSlowWatcher) {
		t.Errorf("who takes nothing ended with %v", refusing.Err())
	}
	gone := receive(t, c, item.Revision, 1)
	gone.Direct(gone.deliver)
	gone.Indirect()
	must(c.Update(t.Context(), item, object("a", "last")))(t)
	<-gone.Ready()
	if events, err := gone.Take(); err != nil || len(events) != 1 || gone.direct > 0 {
		t.Errorf("after Indirect: %d events to take, %d delivered, %v", len(events), gone.direct, err)
	}
	gone.Release()
	c.Close()
	<-gone.Ready()
	if _, err := gone.Take(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

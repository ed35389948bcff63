package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"minke/store"
)

func watchFrom(t *testing.T, st store.Store, prefix string, after store.Revision) store.Watcher {
	t.Helper()
	w, err := st.Watch(t.Context(), prefix, after)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// watchError returns the error of a watch, which may come late.
func watchError(t *testing.T, st store.Store, prefix string, after store.Revision) error {
	t.Helper()
	w, err := st.Watch(t.Context(), prefix, after)
	if err != nil {
		return err
	}
	for range w.Batches() {
	}
	return w.Err()
}

// receive returns the next batch that has events.
func receive(t *testing.T, w store.Watcher) store.Batch {
	t.Helper()
	for {
		b, ok := <-w.Batches()
		if !ok {
			t.Fatalf("the watch ended: %v", w.Err())
		}
		if len(b.Events) > 0 {
			return b
		}
	}
}

func testWatch(t *testing.T, st store.Store) {
	w := watchFrom(t, st, "/p/", 0)
	created := put(t, st, "/p/a", "1")
	put(t, st, "/q", "other")
	updated := put(t, st, "/p/a", "2")
	deleted := remove(t, st, "/p/a")
	both := txn(t, st, store.Txn{Writes: []store.Write{{Key: "/p/b", Value: []byte("x")}, {Key: "/q"}, {Key: "/p/c", Value: []byte("y")}}})

	b := receive(t, w)
	if e := b.Events[0]; b.Revision != created || len(b.Events) != 1 || e.Prev != nil || e.Deleted || string(e.Entry.Value) != "1" || e.Entry.Created != created || e.Entry.Modified != created {
		t.Errorf("creation: %+v", b)
	}
	b = receive(t, w)
	if e := b.Events[0]; b.Revision != updated || e.Prev == nil || string(e.Prev.Value) != "1" || string(e.Entry.Value) != "2" || e.Entry.Created != created {
		t.Errorf("update: %+v", b)
	}
	b = receive(t, w)
	if e := b.Events[0]; b.Revision != deleted || !e.Deleted || e.Entry.Key != "/p/a" || e.Entry.Value != nil || e.Entry.Modified != deleted || e.Prev == nil || string(e.Prev.Value) != "2" {
		t.Errorf("deletion: %+v", b)
	}
	b = receive(t, w)
	if b.Revision != both || len(b.Events) != 2 || b.Events[0].Entry.Key != "/p/b" || b.Events[1].Entry.Key != "/p/c" {
		t.Errorf("two keys at once: %+v", b)
	}
}

func testWatchPast(t *testing.T, st store.Store) {
	start := put(t, st, "/p/0", "")
	for i := range 100 {
		put(t, st, fmt.Sprintf("/p/%d", i%10), fmt.Sprint(i))
	}
	for _, skip := range []store.Revision{0, 1, 50, 99} {
		w := watchFrom(t, st, "/p/", start+skip)
		for rev := start + skip + 1; rev <= revision(t, st); rev++ {
			if b := receive(t, w); b.Revision != rev {
				t.Fatalf("after %d: got revision %d, want %d", start+skip, b.Revision, rev)
			}
		}
		live := put(t, st, "/p/live", "")
		if b := receive(t, w); b.Revision != live {
			t.Fatalf("then got revision %d, want %d", b.Revision, live)
		}
		remove(t, st, "/p/live")
	}
}

// testWatchConcurrent lists and watches while others write: list and events
// must add up to the final state, every event following the one before it.
func testWatchConcurrent(t *testing.T, st store.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const writers, writes, watchers = 4, 150, 4
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writing, watching sync.WaitGroup
	for n := range writers {
		chance := rand.New(rand.NewPCG(seed, uint64(n)))
		writing.Go(func() {
			for i := range writes {
				w := store.Write{Key: fmt.Sprintf("/p/%d", chance.IntN(20)), Value: fmt.Append(nil, n, i), Delete: chance.IntN(3) == 0}
				if _, err := st.Txn(ctx, store.Txn{Writes: []store.Write{w}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range watchers {
		watching.Go(func() { follow(ctx, t, st) })
	}
	writing.Wait()
	put(t, st, "/p/end", "end")
	watching.Wait()
}

// follow keeps a copy of /p/ by watching, until /p/end appears, and compares.
func follow(ctx context.Context, t *testing.T, st store.Store) {
	list, err := st.Range(ctx, store.Range{Prefix: "/p/"})
	if err != nil {
		t.Error(err)
		return
	}
	state := map[string]store.Entry{}
	for _, e := range list.Entries {
		state[e.Key] = e
	}
	if _, late := state["/p/end"]; late {
		return // the writers were done before this goroutine began
	}
	w, err := st.Watch(ctx, "/p/", list.Revision)
	if err != nil {
		t.Error(err)
		return
	}
	at := list.Revision
	for b := range w.Batches() {
		if b.Revision <= at && len(b.Events) > 0 {
			t.Errorf("batch %d came after %d", b.Revision, at)
		}
		at = max(at, b.Revision)
		for _, e := range b.Events {
			old, had := state[e.Entry.Key]
			if had != (e.Prev != nil) || had && (e.Prev.Modified != old.Modified || string(e.Prev.Value) != string(old.Value)) {
				t.Errorf("the event of %s at %d follows %+v, known was %+v", e.Entry.Key, b.Revision, e.Prev, old)
			}
			if e.Deleted {
				delete(state, e.Entry.Key)
			} else {
				state[e.Entry.Key] = e.Entry
			}
			if e.Entry.Key == "/p/end" {
				compare(ctx, t, st, state)
				return
			}
		}
	}
	t.Errorf("the watch ended: %v", w.Err())
}

func compare(ctx context.Context, t *testing.T, st store.Store, state map[string]store.Entry) {
	list, err := st.Range(ctx, store.Range{Prefix: "/p/"})
	if err != nil {
		t.Error(err)
		return
	}
	if len(list.Entries) != len(state) {
		t.Errorf("the watch led to %d keys, the store has %d", len(state), len(list.Entries))
	}
	for _, e := range list.Entries {
		if got := state[e.Key]; got.Modified != e.Modified || got.Created != e.Created || string(got.Value) != string(e.Value) {
			t.Errorf("the watch led to %+v, the store has %+v", got, e)
		}
	}
}

func testWatchEnds(t *testing.T, st store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := st.Watch(ctx, "/", 0)
	if err != nil {
		t.Fatal(err)
	}
	if w.Err() != nil {
		t.Errorf("a running watch has the error %v", w.Err())
	}
	cancel()
	for range w.Batches() {
	}
	if !errors.Is(w.Err(), context.Canceled) {
		t.Errorf("the watch ended with %v", w.Err())
	}
	put(t, st, "/a", "") // must not meet the closed channel
}

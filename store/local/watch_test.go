package local

import (
	"errors"
	"fmt"
	"testing"

	"minke/store"
)

func write(t *testing.T, st *Store, key string) store.Revision {
	t.Helper()
	result, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: key, Value: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	return result.Revision
}

// TestSlowWatcher lets a watcher fall behind, by less and by more than its
// buffer: it catches up without a gap, or is ended; nobody waits for it.
func TestSlowWatcher(t *testing.T) {
	st := OpenMemory(Options{WatchBuffer: 100})
	defer st.Close()
	patient, err := st.Watch(t.Context(), "/", 0)
	if err != nil {
		t.Fatal(err)
	}
	first := write(t, st, "/a") + 1
	for range ready + 50 {
		write(t, st, "/a")
	}
	for want := first - 1; want < first+ready+50; want++ {
		if b := <-patient.Batches(); b.Revision != want {
			t.Fatalf("got revision %d, want %d", b.Revision, want)
		}
	}
	for range ready + 300 {
		write(t, st, "/a")
	}
	last := store.Revision(0)
	for b := range patient.Batches() {
		if last != 0 && b.Revision != last+1 {
			t.Fatalf("revision %d came after %d", b.Revision, last)
		}
		last = b.Revision
	}
	if !errors.Is(patient.Err(), store.ErrSlowWatcher) {
		t.Errorf("the watch ended with %v", patient.Err())
	}
}

func TestProgress(t *testing.T) {
	st := OpenMemory()
	defer st.Close()
	w, err := st.Watch(t.Context(), "/a/", 0)
	if err != nil {
		t.Fatal(err)
	}
	mine := write(t, st, "/a/x")
	other := write(t, st, "/b/x")
	if queued, current := w.(*watcher).Position(); queued != mine || current != other {
		t.Errorf("position %d of %d, want %d of %d", queued, current, mine, other)
	}
	if err := w.(*watcher).RequestProgress(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-w.Batches()
	if b := <-w.Batches(); b.Revision != other || len(b.Events) != 0 {
		t.Errorf("progress mark %+v, want revision %d", b, other)
	}
}

// TestHistoryBounds holds the history to its bounds, and lets compaction
// survive a restart.
func TestHistoryBounds(t *testing.T) {
	dir := t.TempDir()
	st := mustOpen(t, dir, Options{HistoryEvents: 10})
	for i := range 50 {
		write(t, st, fmt.Sprint("/", i))
	}
	now := st.Revision()
	if _, err := st.Range(t.Context(), store.Range{Revision: now - 10}); err != nil {
		t.Errorf("within the bounds: %v", err)
	}
	if _, err := st.Range(t.Context(), store.Range{Revision: now - 11}); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("beyond the bounds: %v", err)
	}
	if err := st.Compact(t.Context(), now-5); err != nil {
		t.Fatal(err)
	}
	st.Close()
	st = mustOpen(t, dir, Options{})
	defer st.Close()
	if _, err := st.Watch(t.Context(), "/", now-6); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("compaction was forgotten over a restart: %v", err)
	}
	w, err := st.Watch(t.Context(), "/", now-5)
	if err != nil {
		t.Fatal(err)
	}
	if b := <-w.Batches(); b.Revision != now-4 {
		t.Errorf("a watch over a restart began with %d, want %d", b.Revision, now-4)
	}
}

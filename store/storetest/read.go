package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"minke/store"
)

func testRange(t *testing.T, st store.Store) {
	for _, key := range []string{"/p/b", "/p/a", "/p0", "/p/", "/o/z", "/p/a/x", "/p/\xff", "/p"} {
		put(t, st, key, "v"+key)
	}
	cases := []struct {
		name      string
		r         store.Range
		want      []string
		remaining int64
	}{
		{"prefix", store.Range{Prefix: "/p/"}, []string{"/p/", "/p/a", "/p/a/x", "/p/b", "/p/\xff"}, 0},
		{"all", store.Range{}, []string{"/o/z", "/p", "/p/", "/p/a", "/p/a/x", "/p/b", "/p/\xff", "/p0"}, 0},
		{"limit", store.Range{Prefix: "/p/", Limit: 2}, []string{"/p/", "/p/a"}, 3},
		{"after", store.Range{Prefix: "/p/", After: "/p/a"}, []string{"/p/a/x", "/p/b", "/p/\xff"}, 0},
		{"after a missing key", store.Range{Prefix: "/p/", After: "/p/aa", Limit: 1}, []string{"/p/b"}, 1},
		{"after all", store.Range{Prefix: "/p/", After: "/p/\xff"}, nil, 0},
		{"limit is all", store.Range{Prefix: "/p/", Limit: 5}, []string{"/p/", "/p/a", "/p/a/x", "/p/b", "/p/\xff"}, 0},
		{"none", store.Range{Prefix: "/q"}, nil, 0},
		{"after before prefix", store.Range{Prefix: "/p/", After: "/a", Limit: 1}, []string{"/p/"}, 4},
	}
	for _, c := range cases {
		got, err := st.Range(t.Context(), c.r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var keys []string
		for _, e := range got.Entries {
			keys = append(keys, e.Key)
			if string(e.Value) != "v"+e.Key {
				t.Errorf("%s: %s has value %q", c.name, e.Key, e.Value)
			}
		}
		if !slices.Equal(keys, c.want) || got.Remaining != c.remaining || got.More != (c.remaining > 0) {
			t.Errorf("%s: got %q and %d more (%v), want %q and %d more", c.name, keys, got.Remaining, got.More, c.want, c.remaining)
		}
		if got.Revision != revision(t, st) {
			t.Errorf("%s: read revision %d", c.name, got.Revision)
		}
	}
}

// testOldRange makes a history and reads every revision of it again.
func testOldRange(t *testing.T, st store.Store) {
	first := revision(t, st)
	past := map[store.Revision]map[string]string{first: {}}
	state := map[string]string{}
	for i := range 60 {
		key := fmt.Sprintf("/k/%02d", (i*7)%11)
		var rev store.Revision
		if _, ok := state[key]; ok && i%3 == 0 {
			rev = remove(t, st, key)
			delete(state, key)
		} else {
			state[key] = fmt.Sprint("v", i)
			rev = put(t, st, key, state[key])
		}
		past[rev] = maps.Clone(state)
	}
	for rev, want := range past {
		if got := contents(t, st, "/k/", rev); !maps.Equal(got, want) {
			t.Errorf("at revision %d: %v, want %v", rev, got, want)
		}
	}
}

func testPaging(t *testing.T, st store.Store) {
	const n = 25
	for i := range n {
		put(t, st, fmt.Sprintf("/k/%02d", i), "old")
	}
	page := store.Range{Prefix: "/k/", Limit: 10}
	var seen []string
	for {
		got, err := st.Range(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got.Entries {
			seen = append(seen, e.Key)
			if string(e.Value) != "old" {
				t.Errorf("%s has a value from after the list began", e.Key)
			}
		}
		if int(got.Remaining) != n-len(seen) {
			t.Errorf("after %d keys %d remain", len(seen), got.Remaining)
		}
		if !got.More {
			break
		}
		page.Revision, page.After = got.Revision, seen[len(seen)-1]
		// What happens between two pages must not show in the second.
		put(t, st, fmt.Sprintf("/k/%02d", len(seen)), "new")
		remove(t, st, fmt.Sprintf("/k/%02d", len(seen)+1))
		put(t, st, fmt.Sprintf("/k/%02dx", len(seen)+1), "new")
	}
	if len(seen) != n || !slices.IsSorted(seen) {
		t.Errorf("saw %d keys, want %d: %q", len(seen), n, seen)
	}
}

func testCompaction(t *testing.T, st store.Store) {
	older := put(t, st, "/a", "0")
	old := put(t, st, "/a", "1")
	middle := put(t, st, "/a", "2")
	last := put(t, st, "/a", "3")
	if err := st.Compact(t.Context(), middle); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Range(t.Context(), store.Range{Revision: old}); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("reading a compacted revision: %v", err)
	}
	if got := contents(t, st, "/", middle); got["/a"] != "2" {
		t.Errorf("the revision compacted to reads %v", got)
	}
	if err := watchError(t, st, "/", older); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("watching a compacted revision: %v", err)
	}
	if b := receive(t, watchFrom(t, st, "/", middle)); b.Revision != last {
		t.Errorf("watching from the revision compacted to began with %d, want %d", b.Revision, last)
	}
	if err := st.Compact(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	put(t, st, "/a", "4")
	if got := contents(t, st, "/", 0); got["/a"] != "4" {
		t.Errorf("after compaction the store holds %v", got)
	}
}

func testFuture(t *testing.T, st store.Store) {
	next := put(t, st, "/a", "1") + 1
	if _, err := st.Range(t.Context(), store.Range{Revision: next}); !errors.Is(err, store.ErrFutureRevision) {
		t.Errorf("reading the future: %v", err)
	}
	if err := watchError(t, st, "/", next); !errors.Is(err, store.ErrFutureRevision) {
		t.Errorf("watching from the future: %v", err)
	}
	if err := st.Compact(t.Context(), next); !errors.Is(err, store.ErrFutureRevision) {
		t.Errorf("compacting to the future: %v", err)
	}
}

func testClosed(t *testing.T, st store.Store) {
	w := watchFrom(t, st, "/", 0)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for range w.Batches() {
	}
	if !errors.Is(w.Err(), store.ErrClosed) {
		t.Errorf("the watch ended with %v", w.Err())
	}
	ctx := context.Background()
	_, _, getErr := st.Get(ctx, "/a")
	_, rangeErr := st.Range(ctx, store.Range{})
	_, txnErr := st.Txn(ctx, store.Txn{Writes: []store.Write{{Key: "/a"}}})
	_, watchErr := st.Watch(ctx, "/", 0)
	for i, err := range []error{getErr, rangeErr, txnErr, watchErr} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("call %d on a closed store: %v", i, err)
		}
	}
	if err := st.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

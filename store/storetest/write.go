package storetest

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"minke/store"
)

func testRevisions(t *testing.T, st store.Store) {
	start := revision(t, st)
	if start < 1 {
		t.Fatalf("an empty store is at revision %d, want at least 1", start)
	}
	first := put(t, st, "/a", "1")
	if first != start+1 {
		t.Fatalf("the first write has revision %d, want %d", first, start+1)
	}
	second := txn(t, st, store.Txn{Writes: []store.Write{{Key: "/a", Value: []byte("2")}, {Key: "/b", Value: []byte{}}}})
	if second != first+1 {
		t.Fatalf("a write of two keys has revision %d, want %d", second, first+1)
	}
	e, rev, err := st.Get(t.Context(), "/a")
	if err != nil || e == nil || rev != second || string(e.Value) != "2" || e.Created != first || e.Modified != second {
		t.Fatalf("Get(/a) = %+v at %d, %v", e, rev, err)
	}
	if e, _, _ := st.Get(t.Context(), "/b"); e == nil || len(e.Value) != 0 {
		t.Fatalf("Get(/b) = %+v, want an empty value", e)
	}
	if rev := remove(t, st, "/missing"); rev != second {
		t.Fatalf("deleting a missing key made revision %d, want still %d", rev, second)
	}
	if rev := txn(t, st, store.Txn{}); rev != second {
		t.Fatalf("an empty transaction made revision %d", rev)
	}
	deleted := remove(t, st, "/a")
	if e, rev, err := st.Get(t.Context(), "/a"); e != nil || rev != deleted || err != nil {
		t.Fatalf("a deleted key gives %+v at %d, %v", e, rev, err)
	}
	again := put(t, st, "/a", "3")
	if e, _, _ := st.Get(t.Context(), "/a"); e == nil || e.Created != again {
		t.Fatalf("a key created again has %+v, want Created %d", e, again)
	}
}

func testAtomic(t *testing.T, st store.Store) {
	one := put(t, st, "/a", "1")
	result, err := st.Txn(t.Context(), store.Txn{
		If: []store.Condition{{Key: "/a", Modified: one}, {Key: "/b", Modified: one}},
		Writes: []store.Write{
			{Key: "/a", Delete: true},
			{Key: "/c", Value: []byte("x")},
		},
	})
	if err != nil || result.Succeeded || result.Revision != one {
		t.Fatalf("got %+v, %v", result, err)
	}
	if got, want := contents(t, st, "/", 0), map[string]string{"/a": "1"}; !maps.Equal(got, want) {
		t.Fatalf("a failed transaction left %v, want %v", got, want)
	}
}

func testConditions(t *testing.T, st store.Store) {
	rev := put(t, st, "/a", "1")
	cases := []struct {
		name      string
		condition store.Condition
		holds     bool
	}{
		{"exists at its revision", store.Condition{Key: "/a", Modified: rev}, true},
		{"exists at another", store.Condition{Key: "/a", Modified: rev - 1}, false},
		{"must be missing, exists", store.Condition{Key: "/a"}, false},
		{"must be missing, is", store.Condition{Key: "/b"}, true},
		{"must exist, is missing", store.Condition{Key: "/b", Modified: rev}, false},
	}
	for _, c := range cases {
		result, err := st.Txn(t.Context(), store.Txn{If: []store.Condition{c.condition}})
		if err != nil || result.Succeeded != c.holds || result.Revision != rev {
			t.Errorf("%s: got %+v, %v", c.name, result, err)
		}
		if c.holds {
			continue
		}
		if len(result.Current) != 1 {
			t.Errorf("%s: Current = %v", c.name, result.Current)
		} else if e := result.Current[0]; (e != nil) != (c.condition.Key == "/a") || e != nil && (string(e.Value) != "1" || e.Modified != rev) {
			t.Errorf("%s: Current = %+v", c.name, e)
		}
	}
}

func testOneWinner(t *testing.T, st store.Store) {
	rev := put(t, st, "/counter", "0")
	const writers, rounds = 8, 20
	var won atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				e, _, err := st.Get(t.Context(), "/counter")
				if err != nil {
					t.Error(err)
					return
				}
				result, err := st.Txn(t.Context(), store.Txn{
					If:     []store.Condition{{Key: e.Key, Modified: e.Modified}},
					Writes: []store.Write{{Key: e.Key, Value: fmt.Append(nil, len(e.Value))}},
				})
				if err != nil {
					t.Error(err)
				} else if result.Succeeded {
					won.Add(1)
				}
			}
		})
	}
	all.Wait()
	if now := revision(t, st); now != rev+store.Revision(won.Load()) {
		t.Fatalf("%d writers won, and the revision went from %d to %d", won.Load(), rev, now)
	}
}

// testIsolation moves a token between two keys; a range must see it once.
func testIsolation(t *testing.T, st store.Store) {
	put(t, st, "/token/a", "")
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		from, to := "/token/a", "/token/b"
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: from, Delete: true}, {Key: to, Value: []byte{}}}}); err != nil {
				t.Error(err)
				return
			}
			from, to = to, from
		}
	})
	for range 200 {
		if got := contents(t, st, "/token/", 0); len(got) != 1 {
			t.Errorf("a range saw %d tokens: %v", len(got), got)
			break
		}
	}
	close(stop)
	writer.Wait()
}

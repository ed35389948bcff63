// Package storetest is the suite that every engine of the store must pass.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return local.OpenMemory() })
//	}
package storetest

import (
	"context"
	"testing"

	"minke/store"
)

// Option adds to what Run tests.
type Option func(*suite)

// Reopen tests that an engine keeps what it holds over a restart: reopen closes
// st and opens it anew.
func Reopen(reopen func(t *testing.T, st store.Store) store.Store) Option {
	return func(s *suite) { s.reopen = reopen }
}

// Restore tests that a snapshot starts an engine: restore starts one from what
// st.Snapshot wrote.
func Restore(restore func(t *testing.T, snapshot []byte) store.Store) Option {
	return func(s *suite) { s.restore = restore }
}

type suite struct {
	open    func(t *testing.T) store.Store
	reopen  func(t *testing.T, st store.Store) store.Store
	restore func(t *testing.T, snapshot []byte) store.Store
}

// Run runs the suite. Each test opens an empty store of its own, which Run
// closes.
func Run(t *testing.T, open func(t *testing.T) store.Store, options ...Option) {
	s := &suite{open: open}
	for _, o := range options {
		o(s)
	}
	tests := []struct {
		name string
		run  func(t *testing.T, st store.Store)
	}{
		{"revisions grow by one with each write", testRevisions},
		{"a transaction is all or nothing", testAtomic},
		{"conditions", testConditions},
		{"one of many writers wins", testOneWinner},
		{"a transaction is seen whole", testIsolation},
		{"a guarded transaction", testGuard},
		{"ranges are ordered and bounded", testRange},
		{"ranges at old revisions", testOldRange},
		{"paging at one revision", testPaging},
		{"watch tells changes", testWatch},
		{"watch from the past", testWatchPast},
		{"watch has no gap and no duplicate", testWatchConcurrent},
		{"watch ends", testWatchEnds},
		{"compaction", testCompaction},
		{"future revisions", testFuture},
		{"closed", testClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st := open(t)
			t.Cleanup(func() { st.Close() })
			test.run(t, st)
		})
	}
	t.Run("restart", s.testReopen)
	t.Run("snapshot", s.testSnapshot)
}

// put writes one key and returns the revision.
func put(t *testing.T, st store.Store, key, value string) store.Revision {
	t.Helper()
	return txn(t, st, store.Txn{Writes: []store.Write{{Key: key, Value: []byte(value)}}})
}

func remove(t *testing.T, st store.Store, key string) store.Revision {
	t.Helper()
	return txn(t, st, store.Txn{Writes: []store.Write{{Key: key, Delete: true}}})
}

func txn(t *testing.T, st store.Store, x store.Txn) store.Revision {
	t.Helper()
	result, err := st.Txn(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Succeeded {
		t.Fatalf("transaction %v: its conditions failed", x)
	}
	return result.Revision
}

func revision(t *testing.T, st store.Store) store.Revision {
	t.Helper()
	_, rev, err := st.Get(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// contents returns all keys and values as of rev.
func contents(t *testing.T, st store.Store, prefix string, rev store.Revision) map[string]string {
	t.Helper()
	result, err := st.Range(context.WithoutCancel(t.Context()), store.Range{Prefix: prefix, Revision: rev})
	if err != nil {
		t.Fatalf("range at %d: %v", rev, err)
	}
	found := map[string]string{}
	for _, e := range result.Entries {
		found[e.Key] = string(e.Value)
	}
	return found
}

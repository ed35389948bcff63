package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"

	"minke/store"
	"minke/store/local/disk"
)

// Options tune the engine. The zero value is good.
type Options struct {
	// FS is where Open keeps its files instead of its directory.
	FS disk.FS
	// HistoryEvents and HistoryBytes bound what is kept of the past for reads
	// and watches of old revisions, which the cache above keeps for itself. Zero
	// means 16384 events and 4 MiB.
	HistoryEvents, HistoryBytes int
	// WatchBuffer is how many batches a watcher may be behind before it is
	// ended with store.ErrSlowWatcher. Zero means 16384.
	WatchBuffer int
	// CheckpointBytes is how long the log grows before a checkpoint replaces
	// it, unless the data itself is larger. Zero means 32 MiB.
	CheckpointBytes int64
	// Log defaults to slog.Default().
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.HistoryEvents == 0 {
		o.HistoryEvents = 16384
	}
	if o.HistoryBytes == 0 {
		o.HistoryBytes = 4 << 20
	}
	if o.WatchBuffer == 0 {
		o.WatchBuffer = 16384
	}
	if o.CheckpointBytes == 0 {
		o.CheckpointBytes = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default().With("part", "store/local")
	}
	return o
}

type tree = btree.BTreeG[*store.Entry]

func newTree() *tree {
	return btree.NewBTreeGOptions(func(a, b *store.Entry) bool { return a.Key < b.Key }, btree.Options{NoLocks: true})
}

// tidyEach is after how many insertions the tree's nodes are given arrays of
// their own, each at its next change: the halves of a node that was split share
// one, in which the left half holds on to entries that are long replaced.
const tidyEach = 512

// Store is the engine. It implements store.Store.
type Store struct {
	opts Options
	fs   disk.FS // nil: in memory only
	lock io.Closer

	queue  queue
	leader chan struct{} // capacity 1: who has put the token in, leads

	// The leader alone uses these.
	log     *segment
	pending pending
	buffer  []byte
	failed  error // the log cannot be trusted any more: no further write

	checkpoints sync.WaitGroup
	checkpoint  atomic.Bool // one is being written

	// published is the revision that readers and watchers see.
	published atomic.Int64

	mu       sync.RWMutex // guards all below
	closed   bool
	revision store.Revision
	tree     *tree
	view     *tree // a copy of tree that nothing was applied to since; or nil
	size     int64 // of all keys and values
	history  history
	watchers watchers
}

var _ store.Store = (*Store)(nil)

func newStore(opts Options) *Store {
	s := &Store{opts: opts.withDefaults(), leader: make(chan struct{}, 1), tree: newTree(), revision: 1}
	s.history.maxEvents, s.history.maxBytes = s.opts.HistoryEvents, s.opts.HistoryBytes
	s.history.floor = 1
	s.pending.init(s)
	s.watchers.init()
	s.published.Store(1)
	return s
}

// OpenMemory returns an engine without a disk, for tests: it is empty, and what
// it holds is gone when it is closed.
func OpenMemory(opts ...Options) *Store {
	if len(opts) > 0 {
		return newStore(opts[0])
	}
	return newStore(Options{})
}

// Revision returns the store's revision.
func (s *Store) Revision() store.Revision { return store.Revision(s.published.Load()) }

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (*store.Entry, store.Revision, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, 0, store.ErrClosed
	}
	if entry, ok := s.tree.Get(&store.Entry{Key: key}); ok {
		copied := *entry
		return &copied, s.revision, nil
	}
	return nil, s.revision, nil
}

// Range implements store.Store.
func (s *Store) Range(ctx context.Context, r store.Range) (store.RangeResult, error) {
	items, rev, err := s.at(r.Revision)
	if err != nil {
		return store.RangeResult{}, err
	}
	result := store.RangeResult{Revision: rev}
	from, to := bounds(items, r)
	n := to - from
	if r.Limit > 0 && n > r.Limit {
		result.More, result.Remaining = true, int64(n-r.Limit)
		n = r.Limit
	}
	if n <= 0 {
		return result, nil
	}
	result.Entries = make([]store.Entry, 0, n)
	items.Ascend(&store.Entry{Key: max(r.Prefix, r.After)}, func(e *store.Entry) bool {
		if e.Key == r.After && r.After != "" {
			return true
		}
		result.Entries = append(result.Entries, *e)
		return len(result.Entries) < n
	})
	return result, nil
}

// bounds returns the positions in items that r selects, but for its limit.
func bounds(items *tree, r store.Range) (from, to int) {
	rank := func(before func(key string) bool) int {
		return sort.Search(items.Len(), func(i int) bool {
			e, _ := items.GetAt(i)
			return !before(e.Key)
		})
	}
	from = rank(func(key string) bool { return key < r.Prefix || (r.After != "" && key <= r.After) })
	to = rank(func(key string) bool { return key < r.Prefix || strings.HasPrefix(key, r.Prefix) })
	return from, to
}

// at returns the state as of rev, zero for now. Nobody may change it.
func (s *Store) at(rev store.Revision) (*tree, store.Revision, error) {
	s.mu.RLock()
	closed, view, now := s.closed, s.view, s.revision
	s.mu.RUnlock()
	if closed {
		return nil, 0, store.ErrClosed
	}
	if view != nil && (rev == 0 || rev == now) {
		return view, now, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		s.view = s.tree.Copy()
	}
	switch {
	case rev == 0 || rev == s.revision:
		return s.view, s.revision, nil
	case rev > s.revision:
		return nil, 0, store.ErrFutureRevision
	case rev < s.history.floor:
		return nil, 0, store.ErrCompacted
	}
	return s.history.undo(s.tree.Copy(), rev), rev, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Revision) (store.Watcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if after == 0 {
		after = s.revision
	}
	if after > s.revision {
		return nil, store.ErrFutureRevision
	}
	if after < s.history.floor {
		return nil, store.ErrCompacted
	}
	return s.watchers.add(ctx, s, prefix, s.history.after(after)), nil
}

// Compact implements store.Store.
func (s *Store) Compact(ctx context.Context, revision store.Revision) error {
	if revision > s.Revision() {
		return fmt.Errorf("compact to %d: %w", revision, store.ErrFutureRevision)
	}
	_, err := s.submit(ctx, &request{compact: revision})
	return err
}

// Close implements store.Store. The group under way is finished, writes that
// wait fail with store.ErrClosed.
func (s *Store) Close() error {
	s.leader <- struct{}{} // no group is under way from here on
	defer func() { <-s.leader }()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.watchers.end(store.ErrClosed)
	s.mu.Unlock()
	for _, r := range s.queue.take() {
		r.finish(store.TxnResult{}, store.ErrClosed)
	}
	s.checkpoints.Wait()
	return s.closeFiles()
}

package cache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"minke/store"
)

// Options tune a cache. The zero value is good.
type Options struct {
	// Context owns the cache's goroutine; nil means until Close.
	Context context.Context
	// Budget bounds the kept encodings; share one over all caches. Nil means
	// one of DefaultBudget bytes for this cache alone.
	Budget *Budget
	// Decoded bounds the objects that are kept of a lazy codec's; share one over
	// all caches. Nil means one of DecodedBudget bytes for this cache alone.
	Decoded *Budget
	// HistoryEvents and HistoryBytes bound the window of recent events from
	// which watches start and old revisions are read. Zero means 4096 events
	// and 8 MiB.
	HistoryEvents, HistoryBytes int
	// WatchBuffer is how many events a watcher may be behind before it is
	// ended with store.ErrSlowWatcher. Zero means 8192.
	WatchBuffer int
	// Sealer, if any, stands between the cache and the store.
	Sealer Sealer
	// Detector, if any, finds out who changes what is shared. For tests.
	Detector *Detector
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Cache is the view of all objects under one prefix. Its methods are safe for
// concurrent use. It loads when first used.
type Cache struct {
	store  store.Store
	prefix string
	codec  Codec
	lazy   *laziness // nil: all objects are kept
	opts   Options

	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
	done   chan struct{} // closed when the feed goroutine has ended
	// changes counts what was applied to items, for Changes.
	changes atomic.Uint64

	fanStart sync.Once
	fanWake  chan struct{} // capacity 1: there is something in watchers.due

	mu sync.Mutex // guards all below
	// state tells whether items may be read; see feed.go.
	loaded  bool
	loading chan struct{} // closed when loaded becomes true or err is set
	err     error         // why the cache ended, or why the last load failed
	items   *tree
	view    *Snapshot // a copy of items that nothing was applied to since; or nil
	old     []*Snapshot
	// revision is what items are known to be complete for: the last batch
	// from the store, or later when nothing else came.
	revision store.Revision
	source   store.Watcher
	history  history
	watchers watchers
	waiters  []waiter
	pending  map[string][]*handover
	broken   broken
	sought   Item // what get looks for: an item of its own each time would be garbage
}

// New returns the cache of what is under prefix in st. Close ends it.
func New(st store.Store, prefix string, codec Codec, opts Options) *Cache {
	if opts.Context == nil {
		opts.Context = context.Background()
	}
	if opts.Budget == nil {
		opts.Budget = NewBudget(DefaultBudget)
	}
	if opts.Decoded == nil {
		opts.Decoded = NewBudget(DecodedBudget)
	}
	if opts.HistoryEvents == 0 {
		opts.HistoryEvents = 4096
	}
	if opts.HistoryBytes == 0 {
		opts.HistoryBytes = 8 << 20
	}
	if opts.WatchBuffer == 0 {
		opts.WatchBuffer = 8192
	}
	if opts.Log == nil {
		opts.Log = slog.Default().With("part", "store/cache")
	}
	c := &Cache{store: st, prefix: prefix, codec: codec, lazy: newLaziness(codec, opts.Decoded), opts: opts,
		done: make(chan struct{}), fanWake: make(chan struct{}, 1), loading: make(chan struct{}),
		items: newTree(), pending: map[string][]*handover{}}
	if opts.Detector != nil {
		opts.Budget.detect(opts.Detector)
		opts.Decoded.detect(opts.Detector)
	}
	c.history.maxEvents, c.history.maxBytes = opts.HistoryEvents, opts.HistoryBytes
	c.watchers.init()
	c.ctx, c.cancel = context.WithCancel(opts.Context)
	return c
}

// Close ends all watches and the cache's goroutine, and waits for it.
func (c *Cache) Close() {
	c.cancel()
	c.start.Do(func() { close(c.done); c.end(store.ErrClosed) })
	<-c.done
}

// Get returns the object of key as of now: with every write that was
// acknowledged before the call.
func (c *Cache) Get(ctx context.Context, key string) (*Item, bool, error) {
	return c.get(key, func() error { return c.current(ctx) })
}

func (c *Cache) get(key string, wait func() error) (*Item, bool, error) {
	if err := c.lockLoaded(wait); err != nil {
		return nil, false, err
	}
	defer c.mu.Unlock()
	if err := c.broken[key]; err != nil {
		return nil, false, err
	}
	c.sought.Key = key
	item, ok := c.items.Get(&c.sought)
	c.sought.Key = ""
	return item, ok, nil
}

// Snapshot returns all objects as of rev. Zero means now, with every write that
// was acknowledged before the call. It fails with store.ErrCompacted when rev
// is older than the history window, and store.ErrFutureRevision.
func (c *Cache) Snapshot(ctx context.Context, rev store.Revision) (*Snapshot, error) {
	err := c.lockLoaded(func() error {
		if rev == 0 {
			return c.current(ctx)
		}
		return c.WaitFor(ctx, rev)
	})
	if err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if err := c.broken.any(); err != nil {
		return nil, err
	}
	if rev == 0 || rev == c.revision {
		return c.snapshot(), nil
	}
	return c.oldSnapshot(rev)
}

// lockLoaded returns with c.mu held, what wait waits for being so and the items
// loaded: a reload may come in between.
func (c *Cache) lockLoaded(wait func() error) error {
	for {
		if err := wait(); err != nil {
			return err
		}
		c.mu.Lock()
		if c.loaded {
			return nil
		}
		c.mu.Unlock()
	}
}

// snapshot returns the state as of c.revision; c.mu must be held.
func (c *Cache) snapshot() *Snapshot {
	if c.view == nil {
		c.view = &Snapshot{revision: c.revision, items: c.items.Copy()}
	}
	if c.view.revision != c.revision {
		c.view = &Snapshot{revision: c.revision, items: c.view.items}
	}
	return c.view
}

// Revision returns the revision that the cache is complete for; it may be
// behind the store's. Zero before the first use.
func (c *Cache) Revision() store.Revision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revision
}

package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"minke/store"
	"minke/test/peers"
)

// quiet keeps tests that make etcd go away from telling it.
var quiet = slog.New(slog.DiscardHandler)

// droppable opens connections that can be dropped all at once.
type droppable struct {
	mu   sync.Mutex
	open []net.Conn
}

func (d *droppable) dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = append(d.open, c)
	return c, nil
}

func (d *droppable) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.open {
		c.Close()
	}
	d.open = nil
}

// TestFaults writes and watches while members are killed and started again and
// connections are dropped, in an order that a seed decides. At the end what was
// acknowledged must be there, and each watch must have told every revision
// once, in order, each event following the one before it.
func TestFaults(t *testing.T) {
	for _, members := range []int{1, 3} {
		t.Run(fmt.Sprint(members, " members"), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			testFaults(t, seed, members)
		})
	}
}

func testFaults(t *testing.T, seed uint64, n int) {
	members := peers.StartEtcdCluster(t, n)
	var urls []string
	for _, m := range members {
		urls = append(urls, m.URL)
	}
	wire := &droppable{}
	st := open(t, urls, Options{Dial: wire.dial, Log: quiet})
	begin, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/k/begin"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writing, watching sync.WaitGroup
	counters := make([]*counter, 4)
	for i := range counters {
		counters[i] = &counter{key: fmt.Sprintf("/k/%d", i)}
		writing.Go(func() { counters[i].count(ctx, t, st) })
	}
	for range 3 {
		watching.Go(func() { audit(t, st, begin.Revision) })
	}
	chance := rand.New(rand.NewPCG(seed, 0))
	for range 8 {
		if chance.IntN(2) == 0 {
			wire.drop()
		} else {
			m := members[chance.IntN(n)]
			m.Kill(t)
			m.Start(t)
		}
		// The next fault comes when there was some success, so that it hits
		// something.
		counters[chance.IntN(len(counters))].waitMore(t, 1+chance.IntN(8))
	}
	stop()
	writing.Wait()
	for _, c := range counters {
		c.check(t, st)
	}
	if _, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/k/end"}}}); err != nil {
		t.Fatal(err)
	}
	watching.Wait()
}

// counter is one key that holds how often it was written.
type counter struct {
	key string

	mu    sync.Mutex // guards acknowledged
	acked int
	more  chan struct{}
}

// count writes the key again and again, each time on condition that nobody
// else did. A write that was not acknowledged may be made later, and then be
// what makes the next one fail.
func (c *counter) count(ctx context.Context, t *testing.T, st *Store) {
	unsure := -1
	for ctx.Err() == nil {
		e, _, err := st.Get(ctx, c.key)
		if err != nil {
			continue
		}
		x := store.Txn{If: []store.Condition{{Key: c.key}}}
		n := 0
		if e != nil {
			x.If[0].Modified = e.Modified
			if _, err := fmt.Sscan(string(e.Value), &n); err != nil {
				t.Error(err)
				return
			}
		}
		x.Writes = []store.Write{{Key: c.key, Value: fmt.Append(nil, n+1)}}
		result, err := st.Txn(ctx, x)
		switch {
		case err != nil:
			unsure = n + 1
		case result.Succeeded:
			c.acknowledge(n + 1)
		case unsure != n+1 || string(result.Current[0].Value) != fmt.Sprint(unsure):
			t.Errorf("%s was written by somebody else: %s", c.key, result.Current[0].Value)
			c.acknowledge(n + 1) // so that the test ends
		}
	}
}

func (c *counter) acknowledge(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = n
	if c.more != nil {
		close(c.more)
		c.more = nil
	}
}

// waitMore returns when n more writes were acknowledged.
func (c *counter) waitMore(t *testing.T, n int) {
	for range n {
		c.mu.Lock()
		if c.more == nil {
			c.more = make(chan struct{})
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-t.Context().Done():
			return
		}
	}
}

// check holds that no acknowledged write is lost, and that none was made that
// was not asked for: at most the last one was not acknowledged.
func (c *counter) check(t *testing.T, st *Store) {
	e, _, err := st.Get(t.Context(), c.key)
	if err != nil || e == nil {
		t.Errorf("%s: %v, %v", c.key, e, err)
		return
	}
	n := 0
	if _, err := fmt.Sscan(string(e.Value), &n); err != nil || n < c.acked {
		t.Errorf("%s holds %s, and %d was acknowledged", c.key, e.Value, c.acked)
	}
}

// audit follows the watch until /k/end.
func audit(t *testing.T, st *Store, after store.Revision) {
	w, err := st.Watch(t.Context(), "/k/", after)
	if err != nil {
		t.Error(err)
		return
	}
	last := after
	known := map[string]store.Entry{}
	for b := range w.Batches() {
		if b.Revision <= last {
			t.Errorf("revision %d came after %d", b.Revision, last)
		}
		if len(b.Events) > 0 && b.Revision != last+1 {
			t.Errorf("revision %d came after %d: there is a gap", b.Revision, last)
		}
		last = b.Revision
		for _, e := range b.Events {
			old, had := known[e.Entry.Key]
			if had != (e.Prev != nil) || had && e.Prev.Modified != old.Modified {
				t.Errorf("%s at %d follows %v, known was %v", e.Entry.Key, b.Revision, e.Prev, old)
			}
			known[e.Entry.Key] = e.Entry
			if e.Entry.Key == "/k/end" {
				return
			}
		}
	}
	t.Errorf("the watch ended: %v", w.Err())
}

// TestCompactionPassesSlowWatcher holds that a watcher which does not take its
// batches loses none of those it gets, and is told when etcd has no more.
func TestCompactionPassesSlowWatcher(t *testing.T) {
	member := peers.StartEtcd(t)
	wire := &droppable{}
	st := open(t, []string{member.URL}, Options{WatchBuffer: 2, Dial: wire.dial, Log: quiet})
	write := func() store.Revision {
		result, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/k", Value: make([]byte, 1<<10)}}})
		if err != nil {
			t.Fatal(err)
		}
		return result.Revision
	}
	first := write()
	w, err := st.Watch(t.Context(), "/k", first)
	if err != nil {
		t.Fatal(err)
	}
	var last store.Revision
	for range 100 {
		last = write()
	}
	if err := st.Compact(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	wire.drop() // what etcd had sent already is lost with the stream
	at := first
	for b := range w.Batches() {
		if b.Revision != at+1 {
			t.Fatalf("revision %d came after %d", b.Revision, at)
		}
		at = b.Revision
	}
	if !errors.Is(w.Err(), store.ErrCompacted) || at >= last {
		t.Errorf("at revision %d of %d the watch ended with: %v", at, last, w.Err())
	}
}

// TestAway holds that calls fail within their time when nobody answers.
func TestAway(t *testing.T) {
	st := open(t, []string{"http://127.0.0.1:1"}, Options{Timeout: 50 * time.Millisecond, Log: quiet})
	_, _, getErr := st.Get(t.Context(), "/a")
	_, rangeErr := st.Range(t.Context(), store.Range{})
	_, txnErr := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/a"}}})
	_, watchErr := st.Watch(t.Context(), "/", 0)
	for i, err := range []error{getErr, rangeErr, txnErr, watchErr} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

// TestProgress holds that a mark comes for what others wrote elsewhere.
func TestProgress(t *testing.T) {
	member := peers.StartEtcd(t)
	st := open(t, []string{member.URL}, Options{})
	w, err := st.Watch(t.Context(), "/a/", 0)
	if err != nil {
		t.Fatal(err)
	}
	result, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/b/1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.(*watcher).RequestProgress(t.Context()); err != nil {
		t.Fatal(err)
	}
	for b := range w.Batches() {
		if len(b.Events) > 0 {
			t.Fatalf("got %v", b)
		}
		if b.Revision >= result.Revision {
			return
		}
	}
	t.Fatal(w.Err())
}

// TestCompactionRounds holds that of several servers one compacts in a round.
func TestCompactionRounds(t *testing.T) {
	member := peers.StartEtcd(t)
	a, b := open(t, []string{member.URL}, Options{}), open(t, []string{member.URL}, Options{})
	var lastA, lastB compaction
	wins := 0
	for range 4 {
		for s, last := range map[*Store]*compaction{a: &lastA, b: &lastB} {
			next, won, err := s.compactionRound(t.Context(), *last)
			if err != nil {
				t.Fatal(err)
			}
			*last = next
			if won {
				wins++
			}
		}
		if lastA.version != lastB.version {
			t.Fatalf("the servers know the rounds %d and %d", lastA.version, lastB.version)
		}
	}
	if wins != 4 {
		t.Errorf("in 4 rounds %d servers compacted", wins)
	}
}

// TestMemberHangs holds that a read goes to another member when one does not
// answer.
func TestMemberHangs(t *testing.T) {
	members := peers.StartEtcdCluster(t, 3)
	var urls []string
	for _, m := range members {
		urls = append(urls, m.URL)
	}
	st := open(t, urls, Options{Log: quiet, Timeout: 6 * time.Second})
	for range 6 { // all members are connected to
		if _, _, err := st.Get(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
	}
	members[1].Pause(t)
	for range 3 {
		if _, _, err := st.Get(t.Context(), "/a"); err != nil {
			t.Errorf("a member hangs: %v", err)
		}
	}
}

// TestTooLarge holds that a write beyond etcd's bound (1.5 MiB unless it is told
// otherwise) is refused as that.
func TestTooLarge(t *testing.T) {
	st := open(t, []string{peers.StartEtcd(t).URL}, Options{Log: quiet})
	for _, size := range []int{1600 << 10, 3 << 20} {
		_, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: "/a", Value: make([]byte, size)}}})
		if !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

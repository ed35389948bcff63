package local

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"minke/store"
)

// maxGroup bounds the bytes of values in one group, so that one frame stays of
// a size that a disk writes without making others wait long.
const maxGroup = 4 << 20

// request is a transaction or compaction on its way.
type request struct {
	txn     store.Txn
	compact store.Revision

	result store.TxnResult
	err    error
	done   chan struct{} // closed when result and err are set
}

func (r *request) finish(result store.TxnResult, err error) {
	r.result, r.err = result, err
	close(r.done)
}

func (r *request) size() int {
	n := 0
	for _, w := range r.txn.Writes {
		n += len(w.Key) + len(w.Value)
	}
	return n
}

// queue holds the requests that no leader has taken yet. It is bounded by the
// callers: each waits for its own.
type queue struct {
	mu      sync.Mutex
	waiting []*request
}

func (q *queue) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, r)
}

// take returns the next group.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) && (n == 0 || size < maxGroup) {
		size += q.waiting[n].size()
		n++
	}
	group := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	return group
}

// remove takes r back, and tells whether no leader had it yet.
func (q *queue) remove(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, r); i >= 0 {
		q.waiting = slices.Delete(slices.Clone(q.waiting), i, i+1)
		return true
	}
	return false
}

// Txn implements store.Store. It keeps t's values: nobody may change them
// afterwards. When ctx ends first, the writes may yet have been made.
func (s *Store) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	if err := validate(t); err != nil {
		return store.TxnResult{}, err
	}
	for i := range t.Writes {
		// A value with much room behind it would hold on to all of it.
		if v := t.Writes[i].Value; cap(v)-len(v) > 64+len(v)/8 {
			t.Writes = slices.Clone(t.Writes)
			t.Writes[i].Value = append(make([]byte, 0, len(v)), v...)
		}
	}
	return s.submit(ctx, &request{txn: t})
}

func validate(t store.Txn) error {
	for i, w := range t.Writes {
		if w.Key == "" {
			return fmt.Errorf("write: the key is empty")
		}
		for _, other := range t.Writes[:i] {
			if other.Key == w.Key {
				return fmt.Errorf("write %s: the transaction holds the key twice", w.Key)
			}
		}
	}
	return nil
}

// submit queues r and waits until some leader, perhaps this very goroutine, has
// seen to it.
func (s *Store) submit(ctx context.Context, r *request) (store.TxnResult, error) {
	if err := ctx.Err(); err != nil {
		return store.TxnResult{}, err
	}
	r.done = make(chan struct{})
	s.queue.add(r)
	for {
		select {
		case <-r.done:
			return r.result, r.err
		case s.leader <- struct{}{}:
			s.commit(s.queue.take())
			<-s.leader
		case <-ctx.Done():
			s.queue.remove(r)
			return store.TxnResult{}, ctx.Err()
		}
	}
}

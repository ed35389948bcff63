package cache

import (
	"errors"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
)

// DefaultBudget bounds the kept encodings, in bytes, of caches made without a
// Budget of their own choice.
const DefaultBudget = 32 << 20

var errNotMade = errors.New("make encoding: it panicked")

// Budget bounds the bytes that kept encodings use, over all caches that share
// it. What was not used for longest goes first, nearly: a queue with a second
// chance for what was used since it was last looked at.
type Budget struct {
	limit int64

	mu    sync.Mutex // guards all below, and prev, next and kept of every encoding
	used  int64
	queue encoding // sentinel of the ring; queue.next is the oldest
	// detector is nil but in tests.
	detector *Detector
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget {
	b := &Budget{limit: limit}
	b.queue.prev, b.queue.next = &b.queue, &b.queue
	return b
}

// detect lets d know of what is kept.
func (b *Budget) detect(d *Detector) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detector = d
}

// Used returns the bytes kept now.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// encodings are the kept encodings of one item or event: a short list, since
// there are two or three names in use.
type encodings struct {
	budget *Budget // nil: nothing is kept
	mu     sync.Mutex
	first  *encoding
}

type encoding struct {
	name   string
	owner  *encodings
	budget *Budget
	once   sync.Once
	bytes  []byte
	object runtime.Object // in place of bytes
	size   int
	err    error

	after      *encoding // in owner's list; guarded by owner.mu
	prev, next *encoding // in the budget's queue; guarded by budget.mu
	kept       bool      // is in the queue; guarded by budget.mu
	recent     atomic.Bool
}

func (s *encodings) get(name string, make func() ([]byte, error)) ([]byte, error) {
	if s.budget == nil {
		return make()
	}
	e := s.made(name, s.budget, func(e *encoding) (err error) {
		e.bytes, err = make()
		e.size = len(e.bytes)
		return err
	})
	return e.bytes, e.err
}

// made returns the entry called name, which make fills, in budget, unless it is
// kept already.
func (s *encodings) made(name string, budget *Budget, make func(*encoding) error) *encoding {
	e := s.entry(name, budget)
	made := false
	e.once.Do(func() {
		made = true
		e.err = errNotMade
		defer func() {
			if e.err != nil {
				s.remove(e)
			} else {
				budget.keep(e)
			}
		}()
		e.err = make(e)
	})
	if !made && !e.recent.Load() {
		e.recent.Store(true)
	}
	return e
}

// peek returns the bytes of an encoding that is kept, else nil.
func (s *encodings) peek(name string) []byte {
	if s.budget == nil {
		return nil
	}
	s.mu.Lock()
	found := s.first
	for found != nil && found.name != name {
		found = found.after
	}
	s.mu.Unlock()
	if found == nil {
		return nil
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if !found.kept {
		return nil // it may be being made
	}
	found.recent.Store(true)
	return found.bytes
}

func (s *encodings) entry(name string, budget *Budget) *encoding {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.first; e != nil; e = e.after {
		if e.name == name {
			return e
		}
	}
	e := &encoding{name: name, owner: s, budget: budget, after: s.first}
	s.first = e
	return e
}

// remove takes e out of its owner's list; those who have it still may use it.
func (s *encodings) remove(e *encoding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := &s.first; *at != nil; at = &(*at).after {
		if *at == e {
			*at = e.after
			return
		}
	}
}

// release forgets all encodings: their object left the cache. One that is
// being made meanwhile is kept until the budget pushes it out.
func (s *encodings) release() {
	s.mu.Lock()
	first := s.first
	s.first = nil
	s.mu.Unlock()
	if first == nil {
		return
	}
	for e := first; e != nil; e = e.after {
		e.budget.release(e)
	}
}

// keep queues e and pushes out others until the budget holds.
func (b *Budget) keep(e *encoding) {
	b.mu.Lock()
	b.used += int64(e.size)
	e.kept = true
	b.append(e)
	b.detector.kept(e)
	var victims []*encoding
	for b.used > b.limit && b.queue.next != &b.queue {
		oldest := b.queue.next
		if oldest.recent.Swap(false) || oldest == e && b.used > int64(e.size) {
			b.unlink(oldest)
			b.append(oldest)
			continue
		}
		b.drop(oldest)
		victims = append(victims, oldest)
	}
	b.mu.Unlock()
	// After b.mu is released: an owner's lock is never taken under it.
	for _, v := range victims {
		v.owner.remove(v)
	}
}

// append and unlink need b.mu held.
func (b *Budget) append(e *encoding) {
	e.prev, e.next = b.queue.prev, &b.queue
	e.prev.next, b.queue.prev = e, e
}

func (b *Budget) unlink(e *encoding) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

func (b *Budget) release(e *encoding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(e)
}

// drop needs b.mu held, too.
func (b *Budget) drop(e *encoding) {
	if e.kept {
		e.kept = false
		b.used -= int64(e.size)
		b.unlink(e)
	}
}

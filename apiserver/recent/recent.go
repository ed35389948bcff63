// Package recent keeps answers that may be given again for a while: those asked
// for last, and never more than a bound.
package recent

import (
	"container/list"
	"sync"
	"time"
)

// Cache keeps values by key. It may be used by many at a time.
type Cache[K comparable, V any] struct {
	size int
	now  func() time.Time

	mu sync.Mutex // guards what follows
	// order holds *entry, the one used last in front; byKey finds them.
	order *list.List
	byKey map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until time.Time
}

// New returns a cache of at most size values; now may be nil.
func New[K comparable, V any](size int, now func() time.Time) *Cache[K, V] {
	if now == nil {
		now = time.Now
	}
	return &Cache[K, V]{size: size, now: now, order: list.New(), byKey: map[K]*list.Element{}}
}

// Get returns what is kept under key.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byKey[key]
	if at == nil {
		return value, false
	}
	e := at.Value.(*entry[K, V])
	if !c.now().Before(e.until) {
		c.drop(at)
		return value, false
	}
	c.order.MoveToFront(at)
	return e.value, true
}

// Put keeps value for life, in place of the one that was not used for longest
// when there are too many. A life of zero keeps nothing.
func (c *Cache[K, V]) Put(key K, value V, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.byKey[key]; at != nil {
		c.drop(at)
	}
	if life <= 0 || c.size <= 0 {
		return
	}
	if c.order.Len() >= c.size {
		c.drop(c.order.Back())
	}
	c.byKey[key] = c.order.PushFront(&entry[K, V]{key: key, value: value, until: c.now().Add(life)})
}

// Len tells how many values are kept.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

// drop forgets an entry; c.mu is held.
func (c *Cache[K, V]) drop(at *list.Element) {
	delete(c.byKey, c.order.Remove(at).(*entry[K, V]).key)
}

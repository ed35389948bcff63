package image

import (
	"sync"
	"time"
)

// Backoff counts how long to wait after each failure of a key: First, then
// twice as long each time up to Max; a key that was quiet for 2·Max starts anew.
type Backoff struct {
	First, Max time.Duration

	mu      sync.Mutex // guards entries
	entries map[string]attempt
}

type attempt struct {
	delay time.Duration
	last  time.Time
}

// Wait returns how much longer the key must wait, given that what it waits
// after happened at since; 0 when it may go on.
func (b *Backoff) Wait(key string, since time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	if !ok || since.Sub(e.last) > 2*b.Max {
		return 0
	}
	return max(e.delay-time.Since(since), 0)
}

// Delay returns the key's current delay.
func (b *Backoff) Delay(key string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[key].delay
}

// Next notes a further attempt of the key after what happened at since.
func (b *Backoff) Next(key string, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries == nil {
		b.entries = map[string]attempt{}
	}
	e, ok := b.entries[key]
	if !ok || since.Sub(e.last) > 2*b.Max {
		e.delay = b.First
	} else {
		e.delay = min(2*e.delay, b.Max)
	}
	e.last = time.Now()
	b.entries[key] = e
}

// Forget drops the keys for which drop returns true.
func (b *Backoff) Forget(drop func(key string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.entries {
		if drop(key) {
			delete(b.entries, key)
		}
	}
}

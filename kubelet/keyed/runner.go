// Package keyed runs a function for keys: concurrently for different keys,
// never twice at once for one key, and once more after a kick that came while
// it ran. A key costs a goroutine only while it has work.
package keyed

import (
	"context"
	"sync"
	"time"
)

// Runner runs fn for keys.
type Runner[K comparable] struct {
	fn func(ctx context.Context, key K) time.Duration

	// mu guards all below.
	mu     sync.Mutex
	ctx    context.Context
	states map[K]*state
	closed bool
	wg     sync.WaitGroup
	due    map[K]bool
}

// state of one key:
//
//	idle --kick--> running --kick--> running+dirty --done--> running --done--> idle
type state struct {
	running, dirty bool
	timer          *time.Timer
	at             time.Time
}

// New returns a Runner. fn returns after what time it wants to run again for
// the key, or 0 for not before the next kick. Nothing runs before Start.
func New[K comparable](fn func(ctx context.Context, key K) time.Duration) *Runner[K] {
	return &Runner[K]{fn: fn, states: map[K]*state{}, due: map[K]bool{}}
}

// Start lets keys run until ctx ends; kicks that came before run now.
func (r *Runner[K]) Start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx = ctx
	for key := range r.due {
		r.kick(key)
	}
	r.due = nil
}

// Kick makes fn run for key, now or once more after it has finished.
func (r *Runner[K]) Kick(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kick(key)
}

func (r *Runner[K]) kick(key K) {
	if r.closed {
		return
	}
	if r.ctx == nil {
		r.due[key] = true
		return
	}
	s := r.states[key]
	if s == nil {
		s = &state{}
		r.states[key] = s
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.running {
		s.dirty = true
		return
	}
	s.running = true
	r.wg.Add(1)
	go r.run(key, s)
}

// KickAfter kicks key after d unless it is kicked earlier.
func (r *Runner[K]) KickAfter(key K, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.ctx == nil {
		return
	}
	s := r.states[key]
	if s == nil {
		s = &state{}
		r.states[key] = s
	}
	r.later(key, s, d)
}

func (r *Runner[K]) later(key K, s *state, d time.Duration) {
	at := time.Now().Add(d)
	if s.timer != nil {
		if s.at.Before(at) {
			return
		}
		s.timer.Stop()
	}
	s.at = at
	s.timer = time.AfterFunc(d, func() { r.Kick(key) })
}

func (r *Runner[K]) run(key K, s *state) {
	defer r.wg.Done()
	for {
		after := r.fn(r.ctx, key)
		r.mu.Lock()
		if r.ctx.Err() != nil || r.closed {
			s.running = false
			r.mu.Unlock()
			return
		}
		if s.dirty {
			s.dirty = false
			r.mu.Unlock()
			continue
		}
		s.running = false
		if after > 0 {
			r.later(key, s, after)
		} else if s.timer == nil {
			delete(r.states, key)
		}
		r.mu.Unlock()
		return
	}
}

// Stop ends all timers and waits for what runs; the context given to Start
// must have ended, or be about to.
func (r *Runner[K]) Stop() {
	r.mu.Lock()
	r.closed = true
	for _, s := range r.states {
		if s.timer != nil {
			s.timer.Stop()
		}
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// Package lazycontext has contexts that can be cancelled, and may have a
// deadline, and that cost neither a channel nor a timer nor a place in their
// parent until somebody waits for their end. Most requests are answered before
// anybody does: a context of package context would be a fifth of their garbage.
package lazycontext

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Context is such a context. It is part of what it belongs to: Begin must be
// called before any use, and it must not be copied after that.
//
//	             Done            parent's end, deadline, Cancel
//	(begun) ──────────> awaited ───────────────────────────────> ended
//	   └──────────────────────────────────────────────────────────^
type Context struct {
	parent   context.Context
	deadline time.Time // zero: there is none but the parent's

	// awaited is set once somebody waits.
	awaited atomic.Pointer[awaited]

	mu sync.Mutex // guards what follows, and the setting of awaited
	// err is why it ended, once that was told.
	err error
}

// awaited is the context of package context that stands in.
type awaited struct {
	context.Context
	cancel context.CancelFunc
}

var _ context.Context = (*Context)(nil)

// Begin makes c a child of parent. It ends with that one, or at deadline unless
// that is zero, or when it is cancelled.
func (c *Context) Begin(parent context.Context, deadline time.Time) {
	c.parent, c.deadline = parent, deadline
}

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) {
	deadline, ok := c.parent.Deadline()
	if c.deadline.IsZero() || ok && deadline.Before(c.deadline) {
		return deadline, ok
	}
	return c.deadline, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	if a := c.awaited.Load(); a != nil {
		return a.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.awaited.Load(); a != nil {
		return a.Done()
	}
	a := &awaited{}
	if c.deadline.IsZero() {
		a.Context, a.cancel = context.WithCancel(c.parent)
	} else {
		a.Context, a.cancel = context.WithDeadline(c.parent, c.deadline)
	}
	if c.err != nil {
		a.cancel()
	}
	c.awaited.Store(a)
	return a.Done()
}

// Err implements context.Context.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = c.ended()
	}
	return c.err
}

// ended tells why it has ended, unless it was cancelled.
func (c *Context) ended() error {
	if a := c.awaited.Load(); a != nil {
		return a.Err()
	}
	if err := c.parent.Err(); err != nil {
		return err
	}
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context.
func (c *Context) Value(key any) any {
	// Package context finds by a key of its own what a child is to be told by.
	if a := c.awaited.Load(); a != nil {
		return a.Value(key)
	}
	return c.parent.Value(key)
}

// Cancel ends c. It may be called more than once.
func (c *Context) Cancel() {
	c.mu.Lock()
	if c.err == nil {
		c.err = c.ended()
	}
	if c.err == nil {
		c.err = context.Canceled
	}
	a := c.awaited.Load()
	c.mu.Unlock()
	if a != nil {
		a.cancel()
	}
}

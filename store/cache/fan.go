package cache

import "time"

// A Watcher's events reach its consumer in one of three ways, in order, since
// only one of them holds the watcher at a time (Watcher.held):
//
//	Events     a channel, from a goroutine of the watcher's own
//	Take       when the consumer's goroutine finds Ready
//	Direct     a function, called by the fan: one goroutine for all watchers of
//	           a cache, so that an event wakes one goroutine and not a thousand.
//	           What the function refuses stays for Take.

// Direct lets the fan hand events to deliver, which tells how many of them it
// has taken. It must not wait for anybody, nor keep the slice. The consumer must
// still Take the others, and call Indirect at the end.
func (w *Watcher) Direct(deliver func([]*Event) int) {
	w.delivery.Lock()
	w.deliver = deliver
	w.delivery.Unlock()
	c := w.cache
	c.fanStart.Do(func() { go c.fan() })
	c.mu.Lock()
	defer c.mu.Unlock()
	w.direct = true
}

// Indirect ends what Direct began: when it returns the function does not run
// and will not be called.
func (w *Watcher) Indirect() {
	w.delivery.Lock()
	defer w.delivery.Unlock()
	w.deliver = nil
}

// fan is the goroutine that calls the functions of Direct.
func (c *Cache) fan() {
	var held []*Watcher
	for {
		select {
		case <-c.fanWake:
		case <-c.ctx.Done():
			return
		}
		for {
			held = c.hold(held[:0])
			if len(held) == 0 {
				break
			}
			began := time.Now()
			for _, w := range held {
				w.taken = w.offer()
			}
			more := c.release(held)
			clear(held)
			if more && !c.rest(restFor*time.Since(began)) {
				return
			}
		}
	}
}

// restFor is how much longer the fan rests than it has worked, if events came
// meanwhile.
const restFor = 8

// maxRest bounds by how much the fan delays events.
const maxRest = 20 * time.Millisecond

// rest lets events gather that come faster than they can be sent one by one:
// what goes to a client together costs little more than one. It tells false when
// the cache has ended.
func (c *Cache) rest(d time.Duration) bool {
	select {
	case <-time.After(min(d, maxRest)):
		return true
	case <-c.ctx.Done():
		return false
	}
}

// wakeFan needs c.mu held.
func (c *Cache) wakeFan() {
	if len(c.watchers.due) == 0 {
		return
	}
	select {
	case c.fanWake <- struct{}{}:
	default:
	}
}

// hold takes the events of the watchers that are due, and appends them to held.
func (c *Cache) hold(held []*Watcher) []*Watcher {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.watchers.due {
		c.watchers.due[i] = nil
		w.due = false
		if w.held || len(w.queue) == 0 {
			continue // whoever holds it looks at the queue afterwards
		}
		w.held = true
		w.batch, w.queue = w.queue, w.spare
		w.spare = nil
		held = append(held, w)
	}
	c.watchers.due = c.watchers.due[:0]
	return held
}

// spareEvents is how long a queue may be that a watcher keeps for the next
// events.
const spareEvents = 16

// release lets go of watchers that hold has returned, and tells whether events
// have come meanwhile.
func (c *Cache) release(held []*Watcher) (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range held {
		w.held = false
		batch, left := w.batch, w.batch[w.taken:]
		w.batch = nil
		switch {
		case w.err != nil:
			w.signal()
		case len(left) > 0:
			w.queue = append(left, w.queue...)
			w.signal()
		default:
			clear(batch)
			if cap(batch) <= spareEvents {
				w.spare = batch[:0]
			}
			if len(w.queue) > 0 {
				c.watchers.fan(w)
			}
		}
	}
	return len(c.watchers.due) > 0
}

// offer tells how many events of the batch were delivered.
func (w *Watcher) offer() int {
	w.delivery.Lock()
	defer w.delivery.Unlock()
	if w.deliver == nil {
		return 0
	}
	return w.deliver(w.batch)
}

// fan puts w on the fan's list; Cache.mu must be held.
func (s *watchers) fan(w *Watcher) {
	if !w.due {
		w.due = true
		s.due = append(s.due, w)
	}
}

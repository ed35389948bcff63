package cache

import (
	"sort"

	"minke/store"
)

// oldSnapshots is how many snapshots of the past are kept for the next page of
// a paged list.
const oldSnapshots = 4

// history is the window of recent events: all those after floor, in order.
// Cache.mu guards it.
type history struct {
	maxEvents, maxBytes int
	floor               store.Revision
	events              []*Event
	bytes               int
}

func (h *history) reset(floor store.Revision) {
	for _, e := range h.events {
		h.release(e)
	}
	h.floor, h.events, h.bytes = floor, nil, 0
}

func (h *history) add(e *Event) {
	h.events = append(h.events, e)
	h.bytes += e.size()
}

// trim drops the oldest events until the bounds hold. It drops whole
// revisions, so that floor stays a revision that can be watched from.
func (h *history) trim() {
	n := 0
	for n < len(h.events) && (len(h.events)-n > h.maxEvents || h.bytes > h.maxBytes) {
		h.floor = h.events[n].Revision
		for n < len(h.events) && h.events[n].Revision == h.floor {
			h.bytes -= h.events[n].size()
			h.release(h.events[n])
			h.events[n] = nil
			n++
		}
	}
	h.events = h.events[n:]
}

// release gives back the encodings of an event that leaves, and of the states
// that only it showed.
func (h *history) release(e *Event) {
	e.encodings.release()
	if e.Prev != nil {
		e.Prev.encodings.release()
	}
	if e.Type == Deleted {
		e.Item.encodings.release()
	}
}

// after returns the events later than rev, which must not be below floor.
func (h *history) after(rev store.Revision) []*Event {
	return h.events[sort.Search(len(h.events), func(i int) bool { return h.events[i].Revision > rev }):]
}

// oldSnapshot takes back the events after rev; c.mu must be held and rev be
// below c.revision.
func (c *Cache) oldSnapshot(rev store.Revision) (*Snapshot, error) {
	if rev < c.history.floor {
		return nil, store.ErrCompacted
	}
	events := c.history.after(rev)
	if len(events) == 0 {
		return &Snapshot{revision: rev, items: c.snapshot().items}, nil
	}
	for _, s := range c.old {
		if s.revision == rev {
			return s, nil
		}
	}
	items := c.items.Copy()
	for i := len(events) - 1; i >= 0; i-- {
		if e := events[i]; e.Prev != nil {
			items.Set(e.Prev)
		} else {
			items.Delete(e.Item)
		}
	}
	s := &Snapshot{revision: rev, items: items}
	c.old = append(c.old, s)
	if len(c.old) > oldSnapshots {
		c.old = append([]*Snapshot(nil), c.old[1:]...)
	}
	return s, nil
}

// dropOld forgets the kept snapshots that the window has left behind.
func (c *Cache) dropOld() {
	kept := c.old[:0]
	for _, s := range c.old {
		if s.revision >= c.history.floor {
			kept = append(kept, s)
		}
	}
	clear(c.old[len(kept):])
	c.old = kept
}

package local

import (
	"sort"

	"minke/store"
)

// history is the recent past: every batch later than floor, in order.
// Store.mu guards it.
type history struct {
	maxEvents, maxBytes int
	floor               store.Revision
	batches             []store.Batch
	events, bytes       int
}

func (h *history) add(b store.Batch) {
	h.batches = append(h.batches, b)
	h.events += len(b.Events)
	h.bytes += batchSize(b)
	n := 0
	for n < len(h.batches) && (h.events > h.maxEvents || h.bytes > h.maxBytes) {
		h.forget(n)
		n++
	}
	h.batches = h.batches[n:]
}

// forget takes the n-th batch out of the sums.
func (h *history) forget(n int) {
	b := h.batches[n]
	h.floor = b.Revision
	h.events -= len(b.Events)
	h.bytes -= batchSize(b)
	h.batches[n] = store.Batch{}
}

// batchSize estimates what only the history keeps in memory.
func batchSize(b store.Batch) int {
	n := 64
	for i := range b.Events {
		n += 128
		if prev := b.Events[i].Prev; prev != nil {
			n += len(prev.Value)
		}
	}
	return n
}

// compact forgets what is not needed to read revision and later.
func (h *history) compact(revision store.Revision) {
	n := h.index(revision)
	for i := range n {
		h.forget(i)
	}
	h.batches = h.batches[n:]
	h.floor = max(h.floor, revision)
}

// index returns the position of the first batch later than rev.
func (h *history) index(rev store.Revision) int {
	return sort.Search(len(h.batches), func(i int) bool { return h.batches[i].Revision > rev })
}

// after returns the batches later than rev.
func (h *history) after(rev store.Revision) []store.Batch { return h.batches[h.index(rev):] }

// undo takes back in t all that came after rev.
func (h *history) undo(t *tree, rev store.Revision) *tree {
	later := h.after(rev)
	for i := len(later) - 1; i >= 0; i-- {
		for j := range later[i].Events {
			e := &later[i].Events[j]
			if e.Prev != nil {
				t.Set(e.Prev)
			} else {
				t.Delete(&e.Entry)
			}
		}
	}
	return t
}

package cluster

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGrowth(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live, roots, least uint64
		want               int
	}{
		{0, 0, 0, 100}, {25 * mib, 0, 0, 100}, {30 * mib, 0, 0, 100}, {60 * mib, 0, 0, 50}, {100 * mib, 0, 0, 30}, {4096 * mib, 0, 0, 30},
		{0, 0, 56 * mib, 100}, {8 * mib, 0, 56 * mib, 600}, {8 * mib, 8 * mib, 56 * mib, 300}, {25 * mib, 25 * mib, 56 * mib, 100},
		{34 * mib, 0, 56 * mib, 88}, {100 * mib, 0, 56 * mib, 30}, {100 * mib, 0, 144 * mib, 44}, {144 * mib, 0, 144 * mib, 30},
	} {
		if got := growth(c.live, c.roots, c.least); got != c.want {
			t.Errorf("%d bytes in use, %d of roots, %d in any case: %d%%, want %d%%", c.live, c.roots, c.least, got, c.want)
		}
	}
}

// TestLeast lets a heap grow far while much is allocated, unless it is large already.
func TestLeast(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live uint64
		rate float64
		busy bool
		want uint64
	}{
		{10 * mib, 500 * mib, false, 0}, {10 * mib, 20 * mib, true, 56 * mib}, {10 * mib, 80 * mib, true, 90 * mib}, {10 * mib, 500 * mib, true, 116 * mib},
		{30 * mib, 500 * mib, true, 76 * mib}, {40 * mib, 500 * mib, true, 56 * mib}, {400 * mib, 500 * mib, true, 56 * mib},
	} {
		p := &pacer{busy: c.busy, rate: c.rate}
		if got := p.least(c.live); got != c.want {
			t.Errorf("%d bytes in use, %.0f a second, busy %v: %d, want %d", c.live, c.rate, c.busy, got, c.want)
		}
	}
}

// fakeHeap is a heap whose collections are asked for, and the pacer's answers.
type fakeHeap struct {
	mu sync.Mutex // guards what follows
	heap
	set       []int
	collected int
}

// allocate lets size bytes be allocated over some time, in equal pieces.
func (h *fakeHeap) allocate(d time.Duration, size uint64) {
	for range 10 {
		time.Sleep(d / 10)
		h.mu.Lock()
		h.allocated += size / 10
		h.mu.Unlock()
		synctest.Wait()
	}
}

// told returns what was set since it was last called, and how often the pacer
// itself has let the heap be collected.
func (h *fakeHeap) told() (set []int, collected int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	set, h.set = h.set, nil
	return set, h.collected
}

func (h *fakeHeap) pacer() *pacer {
	p := &pacer{percent: 100}
	p.read = func() heap {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.heap
	}
	p.set = func(percent int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.set = append(h.set, percent)
	}
	p.collect = func() {
		h.mu.Lock()
		h.collected++
		h.mu.Unlock()
		p.collected()
	}
	p.last = p.now()
	return p
}

// TestPacer lets a heap of 16 MiB be collected, now and then and often.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHeap{heap: heap{live: 16 << 20}}
		p := h.pacer()
		for _, step := range []struct {
			name  string
			after time.Duration
			alloc uint64
			want  []int // was set in between
		}{
			{"a collection after a minute", time.Minute, 16 << 20, nil},
			{"the next soon after", busyTime / 2, 16 << 20, nil},
			{"and the next", busyTime / 2, 16 << 20, []int{250}},
			{"and so on", time.Second, 16 << 20, nil},
			{"for a long time", 9450 * time.Millisecond, 160 << 20, nil},
			{"more than would do for a second", time.Second, 80 << 20, []int{500}},
			{"more than it may", time.Second, 800 << 20, []int{550}},
			{"less again", time.Second, 16 << 20, []int{250}},
		} {
			h.allocate(step.after, step.alloc)
			p.collected()
			if set, collected := h.told(); !slices.Equal(set, step.want) || collected != 0 {
				t.Errorf("%s: set to %d%%, want %d%%; %d collections were asked for", step.name, set, step.want, collected)
			}
		}
		h.allocate(2*calmTime, 1<<20)
		if set, collected := h.told(); !slices.Equal(set, []int{550, 100}) || collected != 1 {
			t.Errorf("after the load: set to %d%%, %d collections, want 550%% for the last two seconds, then 100%% and one", set, collected)
		}
		h.allocate(time.Minute, 0)
		if set, collected := h.told(); len(set) > 0 || collected != 1 {
			t.Errorf("at rest: set to %d%%, %d collections more", set, collected-1)
		}
	})
}

// TestPacerAtStart lets a heap of 8 MiB grow, until the start is over.
func TestPacerAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHeap{heap: heap{live: 8 << 20}}
		h.pacer().start()
		h.allocate(calmTime-time.Millisecond, 40<<20)
		if set, collected := h.told(); !slices.Equal(set, []int{600}) || collected != 0 {
			t.Errorf("at start: set to %d%%, %d collections, want 600%% and none", set, collected)
		}
		h.allocate(calmTime, 0)
		if set, collected := h.told(); len(set) > 0 || collected != 0 {
			t.Errorf("after a look at the start: set to %d%%, %d collections, want none", set, collected)
		}
		h.allocate(calmTime, 0)
		if set, collected := h.told(); !slices.Equal(set, []int{100}) || collected != 1 {
			t.Errorf("after the start: set to %d%%, %d collections, want 100%% and one", set, collected)
		}
	})
}

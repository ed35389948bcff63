package cluster

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// How far the heap may grow over what is in use before it is collected: as far
// as what is in use, as is Go's rule, but no more than slack bytes, or
// leastPercent of it where that is more. Much of a large heap is stored bytes,
// which cost a collection nothing: so memory is worth more than fewer of them.
//
// While much is allocated it may grow to busyHeap bytes in any case, and while so
// much is that this would not do for busyTime, to as many as do, up to maxBusyHeap
// less twice what is in use: a heap that is large already grows no further.
// A small heap would be collected many times a second otherwise, and in each of the
// 3 to 5 ms that this takes requests wait for a processor: more than one in a
// hundred would be late. What that takes is given back soon after.
const (
	slack        = 30 << 20
	leastPercent = 30
	busyHeap     = 56 << 20
	maxBusyHeap  = 136 << 20
)

// Much is allocated from the start on, and when it was busyRate bytes a second for
// busyTime, until it is less than calmRate for calmTime.
const (
	busyRate = 8 << 20
	busyTime = time.Second
	calmRate = 2 << 20
	calmTime = 2 * time.Second
)

var collecting sync.Once

// collectSooner holds the heap to that, for the whole process, unless GOGC says
// otherwise.
func collectSooner() {
	collecting.Do(func() {
		if os.Getenv("GOGC") == "" {
			p := &pacer{read: readHeap, set: func(percent int) { debug.SetGCPercent(percent) }, collect: debug.FreeOSMemory, percent: 100}
			p.start()
			p.follow()
		}
	})
}

// heap is what is known of it.
type heap struct {
	live      uint64 // bytes that the last collection left
	roots     uint64 // bytes that it scans beside them, which count for a percentage, too
	allocated uint64 // bytes, ever
}

func readHeap() heap {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return heap{live: s[0].Value.Uint64(), roots: s[1].Value.Uint64() + s[2].Value.Uint64(), allocated: s[3].Value.Uint64()}
}

// pacer sets how far the heap may grow, anew after each collection.
type pacer struct {
	read    func() heap
	set     func(percent int) // stops the world
	collect func()            // and gives back what was freed

	mu      sync.Mutex // guards what follows
	percent int
	busy    bool
	rate    float64 // bytes that were allocated a second, while busy
	last    sample  // taken at a collection, of which there may be many in busyTime
	looked  sample  // taken at the last look, while busy
}

// sample is how much was allocated until when.
type sample struct {
	heap
	at time.Time
}

func (p *pacer) now() sample { return sample{p.read(), time.Now()} }

// rate is how many bytes a second were allocated since before.
func (s sample) rate(before sample) float64 {
	return float64(s.allocated-before.allocated) / max(s.at.Sub(before.at), time.Millisecond).Seconds()
}

// start lets the heap grow at first: most of what a start allocates it keeps.
func (p *pacer) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = p.now()
	p.busy, p.looked = true, p.last
	p.adapt(p.last.heap)
	time.AfterFunc(calmTime, p.look)
}

// follow calls collected whenever a collection has ended: the object that it
// leaves behind is found dead by the next one.
func (p *pacer) follow() {
	runtime.AddCleanup(new([16]byte), func(p *pacer) {
		p.collected()
		p.follow()
	}, p)
}

func (p *pacer) collected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.at.Sub(p.last.at) >= busyTime {
		p.rate = now.rate(p.last)
		if !p.busy && p.rate >= busyRate {
			p.busy, p.looked = true, now
			time.AfterFunc(calmTime, p.look)
		}
		p.last = now
	}
	p.adapt(now.heap)
}

// look finds out, while much is allocated, whether it still is.
func (p *pacer) look() {
	p.mu.Lock()
	now := p.now()
	p.rate = now.rate(p.looked)
	p.busy = p.rate >= calmRate
	p.looked = now
	if p.busy {
		time.AfterFunc(calmTime, p.look)
	} else {
		p.last = now
	}
	p.adapt(now.heap)
	calm := !p.busy
	p.mu.Unlock()
	if calm {
		p.collect() // what has grown beyond what it may now would stay for long
	}
}

// adapt sets the percentage, unless that would change little. p.mu must be held.
func (p *pacer) adapt(h heap) {
	now := growth(h.live, h.roots, p.least(h.live))
	if least := max(3, p.percent/10); now <= p.percent-least || now >= p.percent+least || now == 100 && p.percent != 100 {
		p.set(now)
		p.percent = now
	}
}

// least is to what size a heap of which live bytes are in use may grow in any case.
// p.mu must be held.
func (p *pacer) least(live uint64) uint64 {
	if !p.busy {
		return 0
	}
	needed := live + uint64(p.rate*busyTime.Seconds())
	return max(busyHeap, min(needed, maxBusyHeap-min(2*live, maxBusyHeap)))
}

// growth is by how many percent a heap of which live bytes are in use may grow;
// roots is what is scanned beside them, and least is to what size it may grow in any case.
func growth(live, roots, least uint64) int {
	percent := 100
	if live > slack {
		percent = max(leastPercent, int(100*slack/live))
	}
	if live == 0 || live >= least {
		return percent
	}
	return max(int(100*(least-live)/(live+roots)), percent)
}

package h2

import (
	"slices"
	"sync"
	"time"
)

// handlers are the goroutines that serve the requests of all connections.
var handlers workers

// workers run jobs on goroutines that are kept for a while: their stacks have
// grown already. The one that has waited shortest is taken first, since what it
// touches is still in the processor's caches; those at the other end of the
// stack go when they were not needed for a while.
type workers struct {
	mu   sync.Mutex // guards what follows
	idle []*worker  // the last has waited shortest
	// least is how few were idle since the last look.
	least int
	look  *time.Timer // nil while nobody is idle
}

type job interface{ serve() }

// worker is one goroutine.
type worker struct{ jobs chan job }

// No more workers wait than maxIdle, and none for longer than twice idleTime.
const (
	maxIdle  = 256
	idleTime = 5 * time.Second
)

// serve lets j be served. It does not wait.
func (p *workers) serve(j job) {
	w := p.take()
	if w == nil {
		w = &worker{jobs: make(chan job, 1)}
		go w.run(p)
	}
	w.jobs <- j
}

// take returns an idle worker, or nil.
func (p *workers) take() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	w := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	p.least = min(p.least, n)
	return w
}

// rest takes w back; it tells false when enough wait.
func (p *workers) rest(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, w)
	if p.look == nil {
		p.least = 0
		p.look = time.AfterFunc(idleTime, p.retire)
	}
	return true
}

// retire ends the workers that were not needed since it was last called.
func (p *workers) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.idle[:p.least] {
		close(w.jobs)
	}
	p.idle = slices.Delete(p.idle, 0, p.least)
	p.least = len(p.idle)
	if p.least == 0 {
		p.look = nil
		return
	}
	p.look.Reset(idleTime)
}

func (w *worker) run(p *workers) {
	for j := range w.jobs {
		j.serve()
		if !p.rest(w) {
			return
		}
	}
}

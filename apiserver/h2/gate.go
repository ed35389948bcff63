package h2

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"

	"minke/apiserver/poll"
)

// gate bounds how much of the connections' work is done at a time: to read what
// has come, to begin requests until they wait for a seat or have a turn
// (apiserver/flowcontrol), and to write long answers. Go's scheduler runs first
// what is ready first: two hundred requests that come together would all run
// before another connection's one. Here whoever has used least comes first, in
// virtual time (start-time fair queueing, Goyal, Vin and Cheng 1996), so that
// for each processor about one piece of work is ready, and no queue is longer
// than it must be.
type gate struct {
	// wanted is how many pieces wait.
	wanted atomic.Int32

	mu      sync.Mutex // guards all below, shares and pieces
	free    int        // places
	held    []*piece   // who has had its place longest first
	shares  shares     // those that have pieces waiting
	virtual time.Duration
	// retaking tells that a timer runs that will take places away.
	retaking bool
}

// A place that is had for longer than slice is taken away while others wait:
// whoever has it may wait for something. A piece that is longer than piecework
// lets others go first.
const (
	slice     = 10 * time.Millisecond
	piecework = 100 * time.Microsecond
	// typical is what a piece counts until it has ended.
	typical = 20 * time.Microsecond
)

// share is a connection's part in what is done.
type share struct {
	start   time.Duration // when, in virtual time, its next piece may begin
	waiting []*piece
	at      int // in gate.shares
}

// piece is something that wants a place, has one, or neither.
type piece struct {
	of *share
	// begin is called with the place that was waited for, and the gate's lock
	// held: it must not wait.
	begin func()
	has   bool
	since time.Duration
}

func newGate(places int) *gate { return &gate{free: places} }

// start is what times are counted from.
var start = time.Now()

// enter tells whether p has a place; otherwise p's begin is called later.
func (g *gate) enter(p *piece) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 && len(g.shares) == 0 {
		g.place(p, time.Since(start))
		return true
	}
	s := p.of
	s.start = max(s.start, g.virtual)
	if s.waiting = append(s.waiting, p); len(s.waiting) == 1 {
		heap.Push(&g.shares, s)
	}
	g.wanted.Add(1)
	g.retakeLater(time.Since(start))
	return false
}

func (g *gate) place(p *piece, now time.Duration) {
	g.free--
	p.has, p.since = true, now
	g.held = append(g.held, p)
	g.virtual = max(g.virtual, p.of.start)
	p.of.start = g.virtual + typical
	poll.Working(1)
}

// leave gives p's place back, if it has one.
func (g *gate) leave(p *piece) {
	if g.wanted.Load() > 0 {
		poll.Network()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Since(start)
	if g.take(p, now) {
		g.dispatch(now)
	}
}

func (g *gate) take(p *piece, now time.Duration) bool {
	if !p.has {
		return false
	}
	p.has = false
	for i, h := range g.held {
		if h == p {
			g.held = append(g.held[:i], g.held[i+1:]...)
			break
		}
	}
	g.free++
	used := now - p.since - typical
	p.of.start += used
	if len(p.of.waiting) > 0 {
		heap.Fix(&g.shares, p.of.at)
	}
	poll.Working(-1)
	return true
}

func (g *gate) dispatch(now time.Duration) {
	for g.free > 0 && len(g.shares) > 0 {
		s := g.shares[0]
		p := s.waiting[0]
		s.waiting[0] = nil
		if s.waiting = s.waiting[1:]; len(s.waiting) == 0 {
			s.waiting = nil
			heap.Pop(&g.shares)
		}
		g.wanted.Add(-1)
		g.place(p, now)
		if len(s.waiting) > 0 {
			heap.Fix(&g.shares, s.at)
		}
		p.begin()
	}
	g.retakeLater(now)
}

// retakeLater takes places away, once they were had for slice, if somebody still
// waits for one then. g.mu must be held.
func (g *gate) retakeLater(now time.Duration) {
	if g.retaking || len(g.held) == 0 || len(g.shares) == 0 {
		return
	}
	g.retaking = true
	time.AfterFunc(g.held[0].since+slice-now, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.retaking = false
		now := time.Since(start)
		for len(g.shares) > 0 && len(g.held) > 0 && now-g.held[0].since >= slice {
			g.take(g.held[0], now)
		}
		g.dispatch(now)
	})
}

// shares is a heap by start.
type shares []*share

func (s shares) Len() int           { return len(s) }
func (s shares) Less(i, j int) bool { return s[i].start < s[j].start }
func (s shares) Swap(i, j int)      { s[i], s[j] = s[j], s[i]; s[i].at, s[j].at = i, j }

// Push and Pop implement heap.Interface.
func (s *shares) Push(x any) {
	added := x.(*share)
	added.at = len(*s)
	*s = append(*s, added)
}

func (s *shares) Pop() any {
	last := len(*s) - 1
	p := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return p
}

// pass is for somebody whose work is done in pieces, one after the other. Nil
// is for who needs no place.
type pass struct {
	gate  *gate
	piece piece
	ready chan struct{}
}

func newPass(g *gate, of *share) *pass {
	p := &pass{gate: g, ready: make(chan struct{}, 1)}
	p.piece = piece{of: of, begin: func() { p.ready <- struct{}{} }}
	return p
}

// enter returns when there is a place for it.
func (p *pass) enter() {
	if p == nil {
		return
	}
	if !p.gate.enter(&p.piece) {
		<-p.ready
	}
}

func (p *pass) leave() {
	if p != nil {
		p.gate.leave(&p.piece)
	}
}

// breathe lets others go first if this has taken long.
func (p *pass) breathe() {
	if p == nil {
		return
	}
	if p.gate.wanted.Load() == 0 {
		poll.Network()
		return
	}
	if !p.gate.lasted(&p.piece) {
		return
	}
	p.leave()
	p.enter()
}

// lasted tells whether p has had its place for piecework, or has it no more.
func (g *gate) lasted(p *piece) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !p.has || time.Since(start)-p.since >= piecework
}

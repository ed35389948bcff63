package flowcontrol

import (
	"context"
	"slices"
	"time"

	"minke/apiserver/poll"
)

// A turn is a request's right to keep a processor busy. There are far more seats
// than processors, for most requests wait most of their time: for the disk, a
// webhook, a client that sends or reads slowly. Of those that do not, so many
// would run at once that the processors' scheduler, which knows of no flows,
// decided who is served. So a level has as many turns as keep the processors
// busy, and whoever wants one waits in its fair queues:
//
//	queue ──seat, turn──> works ──Away──> waits for something, seated
//	                        ^                        │
//	                        └──turn── its queue <──Back
//
// Who comes back stands before those of its queue that have not begun. A turn
// that has lasted for slice while others wait is taken away, so that whoever
// waits without saying so does not stop the level; it goes on without.

// slice is how long a turn lasts at least.
const slice = 10 * time.Millisecond

// Away gives the request's turn to others while it waits for something that is
// not a processor. It may be called by a ticket that has none.
func (t *Ticket) Away() {
	if t.level != nil {
		t.look()
		t.level.away(t, time.Now())
	}
}

// Back returns when the request has its turn again. It waits as long as fairness
// demands, which is bounded: turns end.
func (t *Ticket) Back() {
	if t.level == nil {
		return
	}
	if w := t.level.back(t, time.Now()); w != nil {
		<-w.ready
	}
}

// Yield lets who waits for a turn have one first, if that is fair. It is for work
// that takes many times as long as a short request.
func (t *Ticket) Yield() {
	if t.level == nil {
		return
	}
	poll.Network()
	if t.level.wanted() {
		t.Away()
		t.Back()
	}
}

// look lets packets be noticed before the turn is handed on to who waits for it.
func (t *Ticket) look() {
	if t.level.wanted() {
		poll.Network()
	}
}

type ticketKey struct{}

// ticketContext is a request's context, which knows its ticket.
type ticketContext struct {
	context.Context
	of *Ticket
}

// Value implements context.Context.
func (c *ticketContext) Value(key any) any {
	if key == (ticketKey{}) {
		return c.of
	}
	return c.Context.Value(key)
}

// WithTicket lets Away know the request's ticket. It is called once for a ticket.
func WithTicket(ctx context.Context, t *Ticket) context.Context {
	t.ctx = ticketContext{ctx, t}
	return &t.ctx
}

// Away is Ticket.Away for whoever has only the request's context; back is its
// Back. Both must be called before the request is over.
func Away(ctx context.Context) (back func()) {
	t, ok := ctx.Value(ticketKey{}).(*Ticket)
	if !ok {
		return func() {}
	}
	t.Away()
	return t.Back
}

func (l *level) turnFree() bool { return l.shape.turns == 0 || len(l.busy) < l.shape.turns }

func (l *level) takeTurn(t *Ticket, now time.Time) {
	if l.shape.turns == 0 || t.turn {
		return
	}
	t.turn, t.turnBegan = true, now
	poll.Working(1)
	l.busy = append(l.busy, t)
}

func (l *level) dropTurn(t *Ticket, now time.Time) {
	if !t.turn {
		return
	}
	t.turn = false
	poll.Working(-1)
	t.worked += now.Sub(t.turnBegan)
	at := slices.Index(l.busy, t)
	l.busy = slices.Delete(l.busy, at, at+1)
}

// wanted tells whether somebody waits while turns are bounded.
func (l *level) wanted() bool { return l.wanting.Load() > 0 }

func (l *level) away(t *Ticket, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.turn {
		l.dropTurn(t, now)
		l.dispatch(now)
	}
}

// back returns a waiter when the request has to wait for its turn.
func (l *level) back(t *Ticket, now time.Time) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.turn || t.queue == nil || l.shape.turns == 0 {
		return nil
	}
	w := &waiter{ticket: t, ready: make(chan struct{}), since: now}
	t.queue.returning = append(t.queue.returning, w)
	l.returning++
	l.wanting.Add(1)
	l.dispatch(now)
	return w
}

// comeBack gives a turn to the first of q that wants its own again.
func (l *level) comeBack(q *queue, now time.Time) *waiter {
	w := q.returning[0]
	q.returning = slices.Delete(q.returning, 0, 1)
	l.returning--
	l.wanting.Add(-1)
	l.takeTurn(w.ticket, now)
	l.charge(w.ticket, 0)
	return w
}

// retakeLater takes turns away, once they have lasted, if somebody still waits
// for one then.
func (l *level) retakeLater(now time.Time) {
	if l.retaking || len(l.busy) == 0 {
		return
	}
	l.retaking = true
	time.AfterFunc(l.busy[0].turnBegan.Add(slice).Sub(now), func() { l.retake(time.Now()) })
}

func (l *level) retake(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retaking = false
	if l.waiting+l.returning == 0 {
		return
	}
	for len(l.busy) > 0 && now.Sub(l.busy[0].turnBegan) >= slice {
		l.dropTurn(l.busy[0], now)
	}
	l.dispatch(now)
}

// cost is what a request takes of the level, in seat seconds: its part of the
// seats or of the turns, whichever is larger (dominant resource fairness, Ghodsi
// and others 2011).
func (l *level) cost(seats int, took, worked time.Duration) float64 {
	c := work(seats, took)
	if l.shape.turns > 0 {
		c = max(c, work(l.limit, worked)/float64(l.shape.turns))
	}
	return c
}

// charge counts what the request is expected to take, at the start of a turn.
func (l *level) charge(t *Ticket, seats int) {
	q := t.queue
	if q == nil {
		return
	}
	expected := l.cost(seats, l.typical.took, l.typical.worked)
	l.virtual = max(l.virtual, q.start)
	q.start = l.virtual + expected
	t.charged += expected
}

// settle replaces what was expected of a request that has ended by what it took.
func (l *level) settle(t *Ticket, took time.Duration) {
	if t.queue == nil {
		return
	}
	t.queue.start += l.cost(t.seats, took, t.worked) - t.charged + work(t.after, t.extra)
	l.typical.took += (took - l.typical.took) / typicalOf
	l.typical.worked += (t.worked - l.typical.worked) / typicalOf
}

// typicalOf is over about how many requests what is typical is averaged.
const typicalOf = 16

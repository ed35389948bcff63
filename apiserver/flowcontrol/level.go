package flowcontrol

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// level is one priority level at work. All times are given to it, so that it
// decides the same under any clock.
type level struct {
	name string
	// pressed is called, with mu held, when a request finds no seat.
	pressed func()

	// wanting is waiting and returning, together.
	wanting atomic.Int32

	mu    sync.Mutex // guards all below
	shape shape
	// limit is how many seats may be taken: the nominal ones, more or fewer
	// while levels lend to each other.
	limit int
	// queues are as many as shape says, and more while they drain.
	queues []*queue
	// seats and requests run; seatsWaiting and waiting are in queues.
	seats, requests       int
	narrow                int // seats of requests that have one
	seatsWaiting, waiting int
	writing               int // requests that run and change something
	// virtual is R of KEP-1040, in seat seconds: the start, in virtual time, of
	// the request that was started last (start-time fair queueing, Goyal, Vin
	// and Cheng 1996).
	virtual float64
	demand  demand
	// robin is the queue after which to look first, among equals.
	robin int
	flows map[string]*flowStats
	// running is the ring of tickets that run.
	running Ticket
	counted levelStats
	// busy have a turn, who has had it longest first. returning wait for one in
	// the queues, with their seats.
	busy      []*Ticket
	returning int
	// retaking tells that a timer runs that will end turns.
	retaking bool
	// typical is how long requests take of late, and how much of it in turns. It
	// stands for a request until that has run, and only shifts work between a
	// queue's future and past.
	typical struct{ took, worked time.Duration }
}

// shape is what the configuration says of a level.
type shape struct {
	exempt bool
	// nominal, least and most are in seats.
	nominal, least, most int
	// queues is zero for a level that rejects.
	queues, hand, length int
	// maxSeats bounds what one request may take.
	maxSeats int
	// turns is zero for a level that has no queues: they are not bounded then.
	turns int
}

// queue holds the requests of one or more flows, first come first served.
type queue struct {
	index   int
	waiting []*waiter
	// returning run and wait for a turn.
	returning []*waiter
	// seats and requests run.
	seats, requests int
	seatsWaiting    int
	// start is when, in virtual time, its next request may be started: after
	// the work of those before. A queue that comes late starts at the level's
	// virtual time, for it has no claim to what it did not use.
	start float64
}

// waiter is a request in a queue. level.mu guards what follows ticket.
type waiter struct {
	ticket *Ticket
	ready  chan struct{} // closed when the request may run
	since  time.Time
	runs   bool
}

// guess is what is typical before any request has run.
const guess = 3 * time.Millisecond

func work(seats int, d time.Duration) float64 { return float64(seats) * d.Seconds() }

func (q *queue) idle() bool { return q.requests == 0 && len(q.waiting) == 0 }

func newLevel(name string, s shape, pressed func(), now time.Time) *level {
	l := &level{name: name, pressed: pressed, limit: s.nominal, flows: map[string]*flowStats{}}
	l.running.next, l.running.prev = &l.running, &l.running
	l.counted.refused = map[refusal]uint64{}
	l.typical.took, l.typical.worked = guess, guess
	l.demand.begin(now)
	l.reshape(s)
	return l
}

// setShape takes over a new configuration.
func (l *level) setShape(s shape, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shape == s {
		return
	}
	l.limit = max(min(l.limit+s.nominal-l.shape.nominal, s.most), s.least)
	l.reshape(s)
	l.dispatch(now)
}

// reshape makes the queues that s asks for.
func (l *level) reshape(s shape) {
	l.shape = s
	for len(l.queues) < s.queues {
		l.queues = append(l.queues, &queue{index: len(l.queues)})
	}
	l.trim()
}

// trim drops queues that are too many once they are empty.
func (l *level) trim() {
	for n := len(l.queues); n > l.shape.queues && l.queues[n-1].idle(); n-- {
		l.queues = l.queues[:n-1]
	}
}

// reserve is how many seats wide requests leave to those of one seat. Lists,
// whose clients take their time to read them, would fill a level, and who asks
// for one object would wait until a list has been read.
func (l *level) reserve() int { return l.limit / 8 }

// fits tells whether seats are free. A request that is wider than the level is
// served alone.
func (l *level) fits(seats int) bool {
	if l.seats == 0 {
		return l.limit > 0
	}
	if seats == 1 {
		return l.seats < l.limit
	}
	return l.seats-min(l.narrow, l.reserve())+seats <= l.limit-l.reserve()
}

// overtakes tells whether a request of one seat may have it before a wide one
// that does not fit yet. Such keep nobody waiting for longer: the reserve is
// theirs.
func (l *level) overtakes(w *waiter) bool {
	return w.ticket.seats == 1 && l.narrow < l.reserve() && l.fits(1)
}

// arrive takes in a request. It returns a waiter when the request has to wait,
// or why it is refused; with neither, it runs.
func (l *level) arrive(t *Ticket, hash uint64, now time.Time) (*waiter, refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shape.exempt {
		l.run(t, now, 0)
		return nil, ""
	}
	if l.shape.queues == 0 {
		if l.waiting == 0 && l.fits(t.seats) {
			l.run(t, now, 0)
			return nil, ""
		}
		return nil, l.refuse(t, noSeats)
	}
	q := l.choose(hash)
	if l.waiting+l.returning == 0 && l.fits(t.seats) && l.turnFree() {
		t.queue = q
		l.run(t, now, 0)
		return nil, ""
	}
	if len(q.waiting) >= l.room() {
		return nil, l.refuse(t, queueFull)
	}
	t.queue = q
	w := &waiter{ticket: t, ready: make(chan struct{}), since: now}
	l.enqueue(q, w, now)
	l.dispatch(now)
	return w, ""
}

// room is how many may wait in a queue. While seats are free, as many more may
// as would sit in them and wait for a processor there.
func (l *level) room() int { return l.shape.length + max(0, l.limit-l.seats)/l.shape.hand }

// choose returns the queue of the flow's hand that has the least to do.
func (l *level) choose(hash uint64) *queue {
	var hand [maxHand]int
	var best *queue
	for _, i := range deal(hash, l.shape.queues, l.shape.hand, hand[:0]) {
		if q := l.queues[i]; best == nil || q.seats+q.seatsWaiting < best.seats+best.seatsWaiting {
			best = q
		}
	}
	return best
}

func (l *level) enqueue(q *queue, w *waiter, now time.Time) {
	if q.idle() {
		q.start = max(q.start, l.virtual)
	}
	q.waiting = append(q.waiting, w)
	q.seatsWaiting += w.ticket.seats
	l.waiting++
	l.wanting.Add(1)
	l.seatsWaiting += w.ticket.seats
	f := w.ticket.flow
	f.waiting++
	f.seatsWaiting += w.ticket.seats
	f.lengths.observe(float64(len(q.waiting)))
	l.demand.set(l.seats+l.seatsWaiting, now)
	l.pressed()
}

// leave takes w out of its queue.
func (l *level) leave(q *queue, at int, now time.Time) {
	w := q.waiting[at]
	copy(q.waiting[at:], q.waiting[at+1:])
	q.waiting[len(q.waiting)-1] = nil
	q.waiting = q.waiting[:len(q.waiting)-1]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	q.seatsWaiting -= w.ticket.seats
	l.waiting--
	l.wanting.Add(-1)
	l.seatsWaiting -= w.ticket.seats
	w.ticket.flow.waiting--
	w.ticket.flow.seatsWaiting -= w.ticket.seats
	l.demand.set(l.seats+l.seatsWaiting, now)
}

// dispatch starts who may run now.
func (l *level) dispatch(now time.Time) {
	for l.waiting+l.returning > 0 {
		if !l.turnFree() {
			l.retakeLater(now)
			return
		}
		q := l.next(func(q *queue) bool { return len(q.waiting)+len(q.returning) > 0 })
		if len(q.returning) == 0 && !l.fits(q.waiting[0].ticket.seats) {
			q.waiting[0].ticket.flow.unseated++
			q = l.next(func(q *queue) bool {
				return len(q.returning) > 0 || len(q.waiting) > 0 && l.overtakes(q.waiting[0])
			})
			if q == nil {
				return
			}
		}
		var w *waiter
		if len(q.returning) > 0 {
			w = l.comeBack(q, now)
		} else {
			w = q.waiting[0]
			l.leave(q, 0, now)
			l.run(w.ticket, now, now.Sub(w.since))
		}
		w.runs = true
		close(w.ready)
	}
}

// next returns the queue, of those that qualify, whose next request comes first
// in virtual time.
func (l *level) next(qualifies func(*queue) bool) *queue {
	var best *queue
	earliest := math.Inf(1)
	n := len(l.queues)
	for i := range n {
		q := l.queues[(l.robin+1+i)%n]
		if q.start < earliest && qualifies(q) {
			best, earliest = q, q.start
		}
	}
	if best != nil {
		l.robin = best.index
	}
	return best
}

// run gives the request its seats.
func (l *level) run(t *Ticket, now time.Time, waited time.Duration) {
	t.began, t.waited = now, waited
	l.seats += t.seats
	if t.seats == 1 {
		l.narrow++
	}
	l.requests++
	if t.write {
		l.writing++
	}
	if q := t.queue; q != nil {
		q.seats += t.seats
		q.requests++
	}
	l.takeTurn(t, now)
	l.charge(t, t.seats)
	t.link(&l.running)
	f := t.flow
	f.running++
	f.seats += t.seats
	f.dispatched++
	f.waits.observe(waited.Seconds())
	f.widths.observe(float64(max(t.seats, t.after)))
	l.counted.dispatched++
	l.demand.set(l.seats+l.seatsWaiting, now)
}

// finish takes the seats back, or as many as the request's effects need for a
// while.
func (l *level) finish(t *Ticket, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := now.Sub(t.began)
	l.dropTurn(t, now)
	f := t.flow
	if t.write {
		l.writing--
	}
	l.requests--
	t.unlink()
	f.running--
	f.runs[t.kind()].observe(took.Seconds())
	l.settle(t, took)
	if t.after > 0 {
		l.hold(t, t.after)
		time.AfterFunc(t.extra, func() { l.released(t) })
		l.dispatch(now)
		return
	}
	l.release(t, now)
}

// hold changes how many seats t has.
func (l *level) hold(t *Ticket, seats int) {
	more := seats - t.seats
	if t.seats == 1 {
		l.narrow--
	}
	if seats == 1 {
		l.narrow++
	}
	t.seats = seats
	l.seats += more
	t.flow.seats += more
	if t.queue != nil {
		t.queue.seats += more
	}
}

// released ends the time in which a request's effects had seats.
func (l *level) released(t *Ticket) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(t, now)
}

func (l *level) release(t *Ticket, now time.Time) {
	l.hold(t, 0)
	if q := t.queue; q != nil {
		q.requests--
		l.trim()
	}
	l.demand.set(l.seats+l.seatsWaiting, now)
	l.dispatch(now)
}

// abandon takes a request that gives up out of its queue. It returns false when
// the request runs already.
func (l *level) abandon(w *waiter, why refusal, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.runs {
		return false
	}
	q := w.ticket.queue
	for i := range q.waiting {
		if q.waiting[i] == w {
			l.leave(q, i, now)
			break
		}
	}
	l.trim()
	w.ticket.flow.refusedWaits.observe(now.Sub(w.since).Seconds())
	l.refuse(w.ticket, why)
	l.dispatch(now) // it may have stood before one that fits
	return true
}

// refuse counts a refusal.
func (l *level) refuse(t *Ticket, why refusal) refusal {
	t.flow.refused[why]++
	l.counted.refused[why]++
	if why == noSeats || why == queueFull {
		l.pressed()
	}
	return why
}

// setLimit changes how many seats the level has.
func (l *level) setLimit(seats int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = seats
	l.dispatch(now)
}

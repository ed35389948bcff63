package flowcontrol

import "time"

// Ticket is a request's hold on its seats. Its zero value holds none. It lives
// as long as the request and must not be copied in use.
type Ticket struct {
	level *level
	flow  *flowStats
	queue *queue
	seats int
	// after and extra are the seats that the request's effects take for some
	// time, once it has been answered.
	after int
	extra time.Duration
	write bool
	watch bool
	began time.Time
	// waited is how long it took to get the seats.
	waited time.Duration
	about  about
	// turn tells that it has one, since turnBegan; worked is how long those
	// before it took, and charged what its queue was charged, in seat seconds.
	// The level's lock guards them.
	turn      bool
	turnBegan time.Time
	worked    time.Duration
	charged   float64

	next, prev *Ticket // in level.running

	ctx ticketContext // WithTicket's
}

// Waited is how long the request waited for its seats.
func (t *Ticket) Waited() time.Duration { return t.waited }

// Release gives the seats back. It may be called more than once.
func (t *Ticket) Release() {
	if t.level == nil {
		return
	}
	t.look()
	l := t.level
	t.level = nil
	if t.after > 0 { // the caller's ticket does not outlive its request
		kept := &Ticket{}
		l.mu.Lock()
		l.dropTurn(t, time.Now())
		t.moveTo(kept)
		l.mu.Unlock()
		t = kept
	}
	l.finish(t, time.Now())
}

func (t *Ticket) link(ring *Ticket) {
	t.next, t.prev = ring.next, ring
	ring.next.prev, ring.next = t, t
}

func (t *Ticket) unlink() {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
}

// moveTo puts another ticket in t's place.
func (t *Ticket) moveTo(to *Ticket) {
	*to = *t
	to.ctx = ticketContext{} // the request is over
	to.prev.next, to.next.prev = to, to
	t.next, t.prev = nil, nil
}

// kind is the index of flowStats.runs.
func (t *Ticket) kind() int {
	if t.watch {
		return 1
	}
	return 0
}

// refusal is why a request does not run, as the metrics name it.
type refusal string

const (
	queueFull refusal = "queue-full"
	noSeats   refusal = "concurrency-limit"
	timedOut  refusal = "time-out"
	cancelled refusal = "cancelled"
)
